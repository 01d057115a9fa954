/// A picture of numbers that can be drawn in both layouts.
protocol Chart: Sendable {
  /// The drawing as an `svg` element; `id` is unique in the page.
  func drawn(_ size: ChartSize, id: String, title: String, description: String) -> Markup

  /// Names of colours and marks, in the order of their classes; empty where the drawing names everything itself.
  var legend: [String] { get }

  /// What follows the drawing in one layout, for instance names of numbered points.
  func key(_ size: ChartSize) -> Markup
}

extension Chart {
  var legend: [String] { [] }
  func key(_ size: ChartSize) -> Markup { .empty }
}
