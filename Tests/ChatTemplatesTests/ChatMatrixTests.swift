import ChatTemplates
import Foundation
import TestSupport
import Testing

/// Real templates over many conversations.
@Suite struct ChatMatrixTests {
  /// `Scripts/record_chat_matrix.py`: transformers 5.24.0, jinja2 3.1.6, clock fixed at 2024-07-26 09:05:03.
  @Test(
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
    .enabled(if: SharedData.hasZstd, "zstd is not installed"))
  func realTemplatesRenderAsTransformersDoes() throws {
    let matrix = try ChatMatrix()
    #expect(matrix.conversations.count == 82)
    #expect(matrix.rows.count == 78)
    for row in matrix.rows {
      let template = try ChatTemplate(row.template)
      for (conversation, expected) in zip(matrix.conversations, row.cells) {
        let name = "\(row.name), \(conversation.name)"
        do {
          let output = try template.render(variables: conversation.variables, clock: .fixed(1_721_984_703))
          #expect(ChatMatrix.digest(output) == expected, "\(name): \(output)")
        } catch let error as TemplateError {
          let parts = expected.dropFirst().split(separator: ":")
          #expect(
            RecordedCases.codes(String(parts[0])).contains(error.code),
            "\(name): \(error.code) \(error), expected \(expected)")
          if parts[0] == "TemplateError" {
            #expect(ChatMatrix.digest(error.message) == parts[1], "\(name): \(error.message)")
          }
        }
      }
    }
  }
}

/// The recorded matrix with the template texts of the shared folder.
struct ChatMatrix {
  struct Row {
    let name: String
    let template: String
    let cells: [String]
  }

  let conversations: [(name: String, variables: [(String, TemplateValue)])]
  let rows: [Row]

  init() throws {
    let fixture = try RecordedCases.fixture(named: "chat_matrix.json")
    conversations = RecordedCases.items(fixture["conversations"]).map {
      ($0["name"]?.text ?? "", RecordedCases.pairs($0["variables"]))
    }
    rows = try RecordedCases.pairs(fixture["templates"]).map { name, cells in
      let text = try SharedData.text("data/tokenizers/" + name)
      let template = name.hasSuffix(".jinja") ? text : try TemplateValue(json: text)["chat_template"]?.text ?? ""
      return Row(name: name, template: template, cells: cells.text?.split(separator: " ").map { String($0) } ?? [])
    }
  }

  /// FNV-1a of the UTF-8 bytes, 64 bits in 16 hexadecimal digits.
  static func digest(_ text: String) -> String {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
