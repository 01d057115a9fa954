import ChatTemplates
import Foundation

/// Times a chat template: `Templates-timings TEMPLATE VARIABLES`; `Scripts/compare_templates.py` runs it beside jinja2.
///
/// VARIABLES is a JSON object. Prints one JSON object: milliseconds to parse and to render, the best of the rounds, and the
/// bytes of the text.
@main
enum TemplateTimings {
  private static let rounds = 100

  static func main() throws {
    guard CommandLine.arguments.count == 3 else {
      FileHandle.standardError.write(Data("usage: Templates-timings TEMPLATE VARIABLES\n".utf8))
      exit(64)
    }
    let text = try String(contentsOfFile: CommandLine.arguments[1], encoding: .utf8)
    let json = try TemplateValue(json: String(contentsOfFile: CommandLine.arguments[2], encoding: .utf8))
    guard case .dictionary(let dictionary) = json else { exit(65) }
    let variables = zip(dictionary.keys, dictionary.values).map { ($0.text ?? "", $1) }
    let template = try ChatTemplate(text)
    let parse = try best { _ = try ChatTemplate(text) }
    let render = try best { _ = try template.render(variables: variables) }
    let bytes = try template.render(variables: variables).utf8.count
    print("{\"parse\": \(parse), \"render\": \(render), \"bytes\": \(bytes)}")
  }

  private static func best(_ body: () throws -> Void) rethrows -> Double {
    var best = Double.infinity
    for _ in 0..<rounds {
      let start = DispatchTime.now().uptimeNanoseconds
      try body()
      best = min(best, Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6)
    }
    return best
  }
}
