/// A table of a report: the first column is text, the others are numbers unless said otherwise.
struct ReportTable: Sendable {
  /// Names of the columns, with units.
  let columns: [String]
  /// Cells, as many in each row as there are columns.
  let rows: [[String]]
  /// Columns of text after the first one.
  var textColumns: Set<Int> = []
  /// Rows that are to stand out.
  var strongRows: Set<Int> = []

  /// The table in a frame that scrolls sideways where the page is too narrow; `label` names it for those who hear it.
  func markup(label: String) -> Markup {
    let head = Markup.element(
      "tr", [:],
      columns.enumerated().map { .element("th", ["scope": "col", "class": style($0.offset)], text: $0.element) })
    let body = rows.enumerated().map { index, row in
      Markup.element(
        "tr", ["class": strongRows.contains(index) ? "strong" : ""],
        row.enumerated().map { column, cell in
          column == 0
            ? .element("th", ["scope": "row", "class": style(0)], text: cell)
            : .element("td", ["class": style(column)], text: cell)
        })
    }
    return .element(
      "div", ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": label],
      [.element("table", [:], [.element("thead", [:], [head]), .element("tbody", [:], body)])])
  }

  private func style(_ column: Int) -> String { column == 0 || textColumns.contains(column) ? "w" : "r" }
}
