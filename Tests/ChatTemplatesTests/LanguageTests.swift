import ChatTemplates
import TestSupport
import Testing

/// The whole language, in small snippets.
@Suite struct LanguageTests {
  /// `Scripts/record_template_golden.py`: transformers 5.24.0, jinja2 3.1.6, clock fixed at 2024-07-26 09:05:03.
  @Test func snippetsRenderAsJinjaDoes() throws {
    let fixture = try RecordedCases.fixture(named: "language.json")
    let variables = RecordedCases.pairs(fixture["variables"])
    let cases = RecordedCases.items(fixture["cases"])
    #expect(cases.count == 672)
    for item in cases {
      let fields = RecordedCases.items(item)
      let snippet = fields[0].text ?? ""
      let expected = fields.count == 2 ? fields[1].text : nil
      do {
        let output = try ChatTemplate(snippet).render(variables: variables, clock: .fixed(1_721_984_703))
        #expect(RecordedCases.same(output, expected), "\(snippet)\n= \(output)\n! \(expected ?? fields[2].text ?? "")")
      } catch let error as TemplateError {
        let codes = RecordedCases.codes(fields.count == 3 ? fields[2].text ?? "" : "")
        #expect(codes.contains(error.code), "\(snippet)\n= \(error.code) \(error)\n! \(expected ?? fields[2].text ?? "")")
      }
    }
  }
}
