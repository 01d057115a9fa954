/// The control tokens around one text.
struct SpecialTokenTemplate: Sendable {
  var prefix: [Int] = []
  var suffix: [Int] = []
}
