import Testing

@testable import Evaluation

@Suite("Parts of reports")
struct ReportPartsTests {
  @Test("Text of others cannot become markup, in content or in attributes")
  func escaping() {
    let hostile = "</script><script>alert('1')</script>&\"\u{202e}\u{1b}[31m"
    let safe = "&lt;/script&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}\u{fffd}[31m"
    #expect(Markup.text(hostile).source == safe)
    #expect(
      Markup.element("a", ["title": hostile], text: hostile).source == "<a title=\"\(safe)\">\(safe)</a>")
  }

  @Test(
    "Numbers have as many digits as they deserve",
    arguments: [
      (0.000485123, "0.000485"), (1.2345e-5, "1.23×10⁻⁵"), (123.456, "123"), (0, "0"), (-1.5, "\u{2212}1.50"),
      (49152.2, "49\u{202f}152"), (1.5e10, "1.50×10¹⁰"), (.nan, "–"), (.infinity, "–"),
    ] as [(Double, String)])
  func significant(value: Double, text: String) {
    #expect(NumberText.significant(value) == text)
  }

  @Test("Bytes, counts, shares and coordinates in words")
  func words() {
    #expect(NumberText.bytes(98_000_000) == "98.0\u{a0}MB")
    #expect(NumberText.bytes(999_600) == "1.00\u{a0}MB")
    #expect(NumberText.bytes(12) == "12\u{a0}B")
    #expect(NumberText.count(134_515_008) == "135\u{a0}million")
    #expect(NumberText.whole(53760) == "53\u{202f}760")
    #expect(NumberText.whole(8192) == "8192")
    #expect(NumberText.percent(0.4567) == "45.7\u{a0}%")
    #expect(NumberText.fixed(-0.0001, 2) == "0.00")
    #expect(NumberText.coordinate(3) == "3")
    #expect(NumberText.coordinate(-0.04) == "0")
    #expect(NumberText.coordinate(2.25) == "2.3")
    #expect(NumberText.coordinate(.nan) == "0")
  }

  @Test("A linear axis has round ticks that cover its values")
  func linearAxis() {
    let axis = Axis("x", values: [0.3, 5.011], fromZero: true)
    #expect(axis.ticks.map(\.label) == ["0", "2", "4", "6"])
    #expect(axis.share(3) == 0.5)
    #expect(axis.share(-1) == 0)
    #expect(axis.share(.nan) == 0)
    let narrow = Axis("x", values: [20.1, 20.4], tickCount: 4)
    #expect(narrow.ticks.map(\.label) == ["20.1", "20.2", "20.3", "20.4"])
  }

  @Test("A logarithmic axis has ticks of one, two and five, or even steps where the range is short")
  func logarithmicAxis() {
    let wide = Axis("x", values: [0.011, 900], isLogarithmic: true)
    #expect(wide.ticks.map(\.label) == ["0.1", "1", "10", "100"])
    #expect(abs(wide.share(0.011)) < 1e-12)
    #expect(abs(wide.share((0.011 * 900).squareRoot()) - 0.5) < 1e-12)
    let short = Axis("x", values: [20, 66], isLogarithmic: true, tickCount: 5)
    #expect(short.ticks.map(\.label) == ["20", "30", "40", "50", "60"])
    let tiny = Axis("x", values: [1e-7, 1e-5], isLogarithmic: true)
    #expect(tiny.ticks.first?.label == "10⁻⁷")
  }

  @Test("Axes of nothing, of one value and of values that are no numbers are axes", arguments: [false, true])
  func degenerateAxes(isLogarithmic: Bool) {
    for values in [[], [7], [0], [-3], [.nan, .infinity], [5, 5, 5], [1e-300, 1e300]] as [[Double]] {
      let axis = Axis("x", values: values, isLogarithmic: isLogarithmic, padding: 0.05)
      #expect(axis.upper > axis.lower, "\(values)")
      #expect(axis.ticks.count < 20, "\(values)")
      #expect(axis.ticks.allSatisfy { $0.value.isFinite }, "\(values)")
      for value in values + [0, .nan] { #expect((0...1).contains(axis.share(value)), "\(values)") }
    }
  }

  @Test("Names of crowded points cover neither each other nor a point")
  func labels() {
    let area = LabelPlacement.Box(left: 0, top: 0, right: 700, bottom: 300)
    var points: [(x: Double, y: Double)] = []
    for row in 0..<3 {
      for column in 0..<4 { points.append((300 + Double(column) * 14, 140 + Double(row) * 12)) }
    }
    let placement = LabelPlacement(area: area)
    let places = placement.places(points, widths: [Double](repeating: 60, count: points.count)).compactMap { $0 }
    #expect(places.count == 12)
    for (index, place) in places.enumerated() {
      #expect(area.contains(place.box))
      for other in places[(index + 1)...] { #expect(!place.box.overlaps(other.box)) }
      for (x, y) in points {
        let mark = LabelPlacement.Box(left: x - 5, top: y - 5, right: x + 5, bottom: y + 5)
        #expect(!place.box.overlaps(mark))
      }
    }
  }

  @Test("Where there is no room for names some are left out")
  func noRoom() {
    let placement = LabelPlacement(area: .init(left: 0, top: 0, right: 100, bottom: 50))
    let points: [(x: Double, y: Double)] = (0..<20).map { (50 + Double($0), 25) }
    let places = placement.places(points, widths: [Double](repeating: 60, count: 20))
    #expect(places.count == 20)
    #expect(places.contains(nil))
  }

  @Test("The front holds what nothing else beats; equals are both on it")
  func front() {
    let front = ParetoFront.contains([(1, 9), (2, 5), (2, 6), (3, 5), (4, 1), (.nan, 0), (4, 1)])
    #expect(front == [true, true, false, false, true, false, true])
  }

  @Test("A long name keeps its beginning and its end")
  func shortening() {
    let name = "an-organisation/a-very-long-name-of-a-model-2.1-bits"
    let short = TextWidth.shortened(name, to: 150)
    #expect(TextWidth.of(short) <= 150)
    #expect(short.hasPrefix("an-org") && short.hasSuffix("bits") && short.contains("…"))
    #expect(TextWidth.shortened("short", to: 150) == "short")
    #expect(TextWidth.shortened(name, to: 1) == "…")
    #expect(TextWidth.lines("one two three", limit: 55) == ["one two", "three"])
  }

  @Test("Models are called by the ends of their paths, unless these are the same")
  func names() {
    #expect(ModelName.distinct(["/a/x", "b/y"]) == ["x", "y"])
    #expect(ModelName.distinct(["a/x", "b/x", "c/z"]) == ["a/x", "b/x", "z"])
    #expect(ModelName.short("/") == "/")
  }

  @Test(
    "Charts of nothing and of one thing are drawn in both layouts without a number that is none",
    arguments: ChartSize.allCases)
  func emptyCharts(size: ChartSize) {
    let charts: [any Chart] = [
      BarChart(bars: [], axisTitle: "a"), BarChart(bars: [.init(name: "n", value: .nan, text: "–")], axisTitle: "a"),
      LineChart(series: [], xTitle: "x", yTitle: "y", hint: { _, _, _ in "" }),
      LineChart(
        series: [.init(name: "n", points: [(1, .nan), (2, 3)])], xTitle: "x", yTitle: "y", isXLogarithmic: true,
        isYLogarithmic: true, hint: { _, _, _ in "" }),
      HistogramChart(bins: [], series: [], xTitle: "x", yTitle: "y", hint: { _, _ in "" }),
      HistogramChart(
        bins: ["a", "b"], series: [.init(name: "n", values: [0, 0])], xTitle: "x", yTitle: "y", hint: { _, _ in "" }),
      HeatMap(rows: [], columns: [], values: [], columnTitle: "c", valueTitle: "v", text: { "\($0)" }),
      HeatMap(
        rows: ["r"], columns: ["1", "2"], values: [[nil, .nan]], columnTitle: "c", valueTitle: "v",
        isLogarithmic: true, text: { "\($0)" }),
      DotChart(rows: [], series: [], axisTitle: "a", tickLabel: { "\($0) \($1)" }),
      DotChart(
        rows: ["r"], series: [.init(name: "n", dots: [nil])], axisTitle: "a", tickLabel: { "\($0) \($1)" }),
      ScatterChart(points: [], xTitle: "x", yTitle: "y"),
      ScatterChart(
        points: [.init(name: "n", x: 1, y: 1, text: "", isOnFront: true)], xTitle: "x", yTitle: "y",
        isXLogarithmic: true),
    ]
    for chart in charts {
      let source = chart.drawn(size, id: "f1", title: "t", description: "d").source
      #expect(source.hasPrefix("<svg viewBox=\"0 0 "))
      #expect(!source.lowercased().contains("\"nan") && !source.contains("inf"), "\(type(of: chart))")
    }
  }
}
