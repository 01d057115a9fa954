import JSONReader
import VectorQuantization

/// What `inspect --compatibility` prints.
struct CompatibilityReport {
  let entries: [Compatibility]

  /// `[{runtime, status, reasons: [{effect, reason, layers}]}]`; a reason without layers concerns the whole model.
  var json: JSONValue {
    .array(
      entries.map { entry in
        .object([
          ("runtime", .string(entry.runtime.rawValue)), ("status", .string(entry.status.rawValue)),
          (
            "reasons",
            .array(
              entry.obstacles.map { obstacle in
                .object([
                  ("effect", .string(obstacle.effect.rawValue)), ("reason", .string(obstacle.reason)),
                  ("layers", .array(obstacle.layers.map(JSONValue.string))),
                ])
              })
          ),
        ])
      })
  }

  /// One line for each runtime, and below it one for each reason; `layers` names every layer.
  func show(layers: Bool) {
    print("  who can run this folder:")
    for entry in entries {
      print("  \(entry.status.rawValue.padding(toWidth: 6))\(entry.runtime.rawValue)")
      for obstacle in entry.obstacles {
        print("          \(obstacle.reason)\(Self.place(obstacle.layers))")
        if layers { for layer in obstacle.layers { print("            \(layer)") } }
      }
    }
    if entries.contains(where: \.runtime.takesQuantized) {
      print("  dense weights are what vptq convert --dequantize writes")
    }
  }

  private static func place(_ layers: [String]) -> String {
    switch layers.count {
    case 0: ""
    case 1: " (\(layers[0]))"
    default: " (\(layers.count) layers, \(layers[0]) first)"
    }
  }
}

extension String {
  fileprivate func padding(toWidth width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
