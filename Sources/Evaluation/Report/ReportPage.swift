/// One self-contained HTML page: no scripts, and nothing from elsewhere.
struct ReportPage {
  private let title: String
  private let subtitle: String
  private var body: [Markup] = []
  private var figures = 0
  private var tables = 0

  /// An empty page.
  init(title: String, subtitle: String) {
    self.title = title
    self.subtitle = subtitle
  }

  /// Begins a part of the page.
  mutating func section(_ name: String, _ paragraphs: [String] = []) {
    body.append(.element("h2", text: name))
    for paragraph in paragraphs { body.append(.element("p", text: paragraph)) }
  }

  /// Adds a paragraph.
  mutating func paragraph(_ text: String) { body.append(.element("p", text: text)) }

  /// Adds what should not be overlooked.
  mutating func notice(_ text: String) { body.append(.element("p", ["class": "notice"], text: text)) }

  /// Adds names and values.
  mutating func facts(_ facts: [(name: String, value: String)]) {
    body.append(
      .element(
        "dl", ["class": "facts"],
        facts.map { fact in
          .element("div", [:], [.element("dt", text: fact.name), .element("dd", text: fact.value)])
        }))
  }

  /// Adds a table that is always shown.
  mutating func table(_ table: ReportTable, title: String, caption: String = "") {
    tables += 1
    body.append(
      .element("figure", [:], [Self.caption("Table \(tables). ", title, caption), table.markup(label: title)]))
  }

  /// Adds a chart in both layouts, with the numbers behind it.
  mutating func figure(_ chart: any Chart, title: String, caption: String, table: ReportTable) {
    figures += 1
    let number = figures
    let drawings = ChartSize.allCases.map { size in
      Markup.element(
        "div", ["class": size == .wide ? "wide" : "narrow"],
        [
          chart.drawn(size, id: "f\(number)\(size == .wide ? "w" : "n")", title: title, description: caption),
          chart.key(size),
        ])
    }
    body.append(
      .element(
        "figure", [:],
        [Self.caption("Figure \(number). ", title, caption), Self.legend(chart.legend)] + drawings + [
          .element(
            "details", [:], [.element("summary", text: "The numbers"), table.markup(label: "Numbers of \(title)")])
        ]))
  }

  /// Adds a table that opens on demand.
  mutating func details(_ table: ReportTable, title: String) {
    body.append(.element("details", [:], [.element("summary", text: title), table.markup(label: title)]))
  }

  /// The page as a document.
  var html: String {
    let head: [Markup] = [
      .literal("<meta charset=\"utf-8\">"),
      .literal("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"),
      .literal(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
      ),
      .literal("<meta name=\"color-scheme\" content=\"light dark\">"), .literal("<link rel=\"icon\" href=\"data:,\">"),
      .element("title", text: "\(title) – vptq"), .element("style", [:], [.literal(ReportStyle.css)]),
    ]
    let header = Markup.element(
      "header", [:], [.element("h1", text: title), .element("p", ["class": "subtitle"], text: subtitle)])
    let page = Markup.element(
      "html", ["lang": "en"],
      [
        .element("head", [:], head),
        .element(
          "body", [:],
          [
            .element(
              "main", [:],
              [header] + body + [
                .element("footer", [:], [.element("p", text: "Made by vptq. The page needs nothing but itself.")])
              ])
          ]),
      ])
    return "<!DOCTYPE html>\n" + page.source + "\n"
  }

  private static func caption(_ number: String, _ title: String, _ caption: String) -> Markup {
    .element(
      "figcaption", [:],
      [
        .element("span", ["class": "number"], text: number), .element("strong", text: title + "."),
        .text(caption.isEmpty ? "" : " " + caption),
      ])
  }

  private static func legend(_ names: [String]) -> Markup {
    if names.isEmpty { return .empty }
    return .element(
      "ul", ["class": "legend"],
      names.enumerated().map { index, name in
        .element(
          "li", [:],
          [
            .element(
              "svg", ["viewBox": "0 0 14 14", "width": "14", "height": "14", "aria-hidden": "true"],
              [Drawing.mark(index, 7, 7)]), .text(name),
          ])
      })
  }
}
