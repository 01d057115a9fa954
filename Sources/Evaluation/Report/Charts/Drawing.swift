/// The shapes that charts are made of; colours come from classes of the page's style.
enum Drawing {
  /// Where text stands beside its point.
  enum Anchor: String {
    case start, middle, end
  }

  /// A straight line.
  static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> Markup {
    .element(
      "line", ["x1": text(x1), "y1": text(y1), "x2": text(x2), "y2": text(y2), "class": style])
  }

  /// A rectangle; `hint` is shown when the pointer rests on it.
  static func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String, hint: String? = nil
  ) -> Markup {
    .element(
      "rect",
      ["x": text(x), "y": text(y), "width": text(max(0, width)), "height": text(max(0, height)), "class": style],
      title(hint))
  }

  /// Text whose baseline starts, ends or is centred at a point.
  static func label(_ string: String, _ x: Double, _ y: Double, _ anchor: Anchor = .start, style: String = "t")
    -> Markup
  {
    .element("text", ["x": text(x), "y": text(y), "text-anchor": anchor.rawValue, "class": style], text: string)
  }

  /// Text along a vertical axis, read from below.
  static func verticalLabel(_ string: String, _ x: Double, _ y: Double, style: String = "a") -> Markup {
    .element(
      "text", ["transform": "translate(\(text(x)) \(text(y))) rotate(-90)", "text-anchor": "middle", "class": style],
      text: string)
  }

  /// A line through points.
  static func path(_ points: [(x: Double, y: Double)], _ style: String) -> Markup {
    let steps = points.enumerated().map { ($0 == 0 ? "M" : "L") + text($1.x) + " " + text($1.y) }
    return .element("path", ["d": steps.joined(), "class": style])
  }

  /// One of eight marks that differ in shape, so that colour is never the only difference; the next eight are hollow.
  static func mark(_ index: Int, _ x: Double, _ y: Double, hint: String? = nil) -> Markup {
    let style = "m s\(index % 8)" + (index / 8 % 2 == 1 ? " o" : "")
    func polygon(_ corners: [(Double, Double)]) -> Markup {
      let points = corners.map { "\(text(x + $0.0)),\(text(y + $0.1))" }.joined(separator: " ")
      return .element("polygon", ["points": points, "class": style], title(hint))
    }
    switch index % 8 {
    case 0: return .element("circle", ["cx": text(x), "cy": text(y), "r": "4.5", "class": style], title(hint))
    case 1: return polygon([(-4, -4), (4, -4), (4, 4), (-4, 4)])
    case 2: return polygon([(0, -5.5), (5.5, 4), (-5.5, 4)])
    case 3: return polygon([(0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)])
    case 4: return polygon([(-5.5, -4), (5.5, -4), (0, 5.5)])
    case 5:
      return polygon([
        (-1.7, -5), (1.7, -5), (1.7, -1.7), (5, -1.7), (5, 1.7), (1.7, 1.7), (1.7, 5), (-1.7, 5), (-1.7, 1.7),
        (-5, 1.7), (-5, -1.7), (-1.7, -1.7),
      ])
    case 6: return polygon([(-5, 0), (-2.5, -4.5), (2.5, -4.5), (5, 0), (2.5, 4.5), (-2.5, 4.5)])
    default: return polygon([(-5.5, 5), (-5.5, -5), (5.5, 0)])
    }
  }

  /// A whole drawing with its name and what it shows in words; `id` is unique in the page.
  static func svg(width: Double, height: Double, id: String, title: String, description: String, _ content: [Markup])
    -> Markup
  {
    .element(
      "svg",
      [
        "viewBox": "0 0 \(text(width)) \(text(height))", "role": "img", "aria-labelledby": "\(id)t \(id)d",
        "class": "chart",
      ],
      [
        .element("title", ["id": id + "t"], text: title), .element("desc", ["id": id + "d"], text: description),
      ] + content)
  }

  static func text(_ value: Double) -> String { NumberText.coordinate(value) }

  private static func title(_ hint: String?) -> [Markup] { hint.map { [.element("title", text: $0)] } ?? [] }
}
