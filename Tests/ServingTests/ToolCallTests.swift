import Testing

@testable import Serving

@Suite("Tool calls")
struct ToolCallTests {
  private let names = ["weather", "time"]

  @Test("The spellings of chat templates are read; other functions and other texts are not calls")
  func spellings() throws {
    let hermes = try #require(
      ToolCalls(
        in: "Let me see.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>\n"
          + "<tool_call>{\"name\": \"time\", \"arguments\": {}}</tool_call>", names: names))
    #expect(hermes.content == "Let me see.")
    #expect(hermes.calls.map(\.name) == ["weather", "time"] && hermes.calls[1].arguments == "{}")
    #expect(hermes.calls[0].arguments == "{\"city\":\"Rome\"}")
    let llama = ToolCalls(in: "{\"name\": \"weather\", \"parameters\": {\"city\": \"Rome\"}}", names: names)
    #expect(llama?.calls == [.init(name: "weather", arguments: "{\"city\":\"Rome\"}")] && llama?.content == "")
    let mistral = ToolCalls(
      in: "[{\"name\": \"time\", \"arguments\": {}}, {\"name\": \"weather\", \"arguments\": {}}]", names: names)
    #expect(mistral?.calls.count == 2)
    #expect(ToolCalls(in: "{\"name\": \"other\", \"parameters\": {}}", names: names) == nil)
    #expect(ToolCalls(in: "It is {\"sunny\"}.", names: names) == nil)
    #expect(ToolCalls(in: "<tool_call>nonsense</tool_call>", names: names) == nil)
  }

  @Test("A stream gives the text without calls, however it is cut", arguments: 1...9)
  func stream(size: Int) {
    func run(_ text: String) -> (String, ToolCalls?) {
      var stream = ToolCallStream(names: names)
      var shown = ""
      let characters = Array(text)
      for start in Swift.stride(from: 0, to: characters.count, by: size) {
        shown += stream.append(String(characters[start..<min(start + size, characters.count)]))
      }
      let end = stream.finish()
      return (shown + end.text, end.calls)
    }
    let call = "<tool_call>{\"name\": \"time\", \"arguments\": {}}</tool_call>"
    #expect(run("See: " + call).0 == "See: " && run("See: " + call).1?.calls.count == 1)
    #expect(run(" {\"name\": \"time\", \"arguments\": {}}").1?.calls.count == 1)
    for text in ["plain < text <tool", "{ no call", "  ", "a <tool_call> b"] {
      #expect(run(text).0 == text && run(text).1 == nil, "\(text)")
    }
  }
}
