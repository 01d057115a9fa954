/// The two layouts in which every chart is drawn; the page shows the one that fits, so that text is never scaled down.
enum ChartSize: CaseIterable, Sendable {
  /// For screens and paper.
  case wide
  /// For phones.
  case narrow

  /// The width of the drawing, in units that are pixels on most screens.
  var width: Double { self == .wide ? 720 : 350 }

  /// The height of charts with two axes.
  var height: Double { self == .wide ? 320 : 280 }

  /// Ticks along the bottom that have room for their labels.
  var horizontalTicks: Int { self == .wide ? 8 : 4 }
}
