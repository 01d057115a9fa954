import ChatTemplates
import TestSupport
import Testing

/// Forms of messages that templates disagree on.
@Suite struct MessageTests {
  private func callMessage(_ arguments: TemplateValue) -> TemplateValue {
    let function = TemplateValue.dictionary([("name", .string("ls")), ("arguments", arguments)])
    return .dictionary([
      ("role", .string("assistant")), ("content", .string("")),
      ("tool_calls", .list([.dictionary([("type", .string("function")), ("function", function)])])),
    ])
  }

  /// Case C10: `ls:path=/tmp;n=2;` from a mapping-style template, the JSON text from a string-style one.
  @Test func argumentsFitMappingAndStringTemplates() throws {
    let json = #"{"path": "/tmp", "n": 2}"#
    let mapping = try ChatTemplate(
      "{% for c in messages[0].tool_calls %}{{ c.function.name }}:"
        + "{% for k, v in c.function.arguments|items %}{{ k }}={{ v }};{% endfor %}{% endfor %}")
    let string = try ChatTemplate(
      "{% for c in messages[0].tool_calls %}{{ c.function.name + ':' + c.function.arguments }}{% endfor %}")
    for arguments in [TemplateValue.string(json), try TemplateValue(json: json)] {
      #expect(try mapping.render(messages: [callMessage(arguments)]) == "ls:path=/tmp;n=2;")
      #expect(try string.render(messages: [callMessage(arguments)]) == "ls:" + json)
    }
    #expect(try string.render(messages: [callMessage(.string("not json"))]) == "ls:not json")
  }

  /// Case C13: `AB` from string-style and list-style templates.
  @Test func partsFitStringAndListTemplates() throws {
    let content = try TemplateValue(json: #"[{"type":"text","text":"A"},{"type":"text","text":"B"}]"#)
    let message = TemplateValue.dictionary([("role", .string("user")), ("content", content)])
    let templates = [
      "{{ messages[0].content + '' }}", "{{ messages[0].content }}", "{{ messages[0].content|trim }}",
      "{% for p in messages[0].content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}",
      "{% if messages[0].content is string %}{{ messages[0].content }}{% endif %}",
    ]
    for template in templates { #expect(try ChatTemplate(template).render(messages: [message]) == "AB") }
  }

  /// Case C13: an image part on a text model is refused.
  @Test func imagePartIsRefused() throws {
    let message = try TemplateValue(json: #"{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}"#)
    let error = #expect(throws: TemplateError.self) {
      _ = try ChatTemplate("{{ messages[0].content }}").render(messages: [message])
    }
    #expect(error?.code == .unsupportedContent)
  }

  /// Case C03: the error carries exactly the template's own words.
  @Test func raisedWordsAreKept() throws {
    let error = #expect(throws: TemplateError.self) {
      _ = try ChatTemplate("\n{{ raise_exception('roles must alternate') }}").render(
        messages: [.message(role: "user", content: "")])
    }
    #expect(error?.code == .raisedByTemplate)
    #expect(error?.message == "roles must alternate")
    #expect(error?.line == 2)
  }
}
