/// The names that weight files have in a model folder.
enum WeightFiles {
  static let single = "model.safetensors"
  static let index = "model.safetensors.index.json"

  /// For instance `model-00001-of-00003.safetensors`.
  static func shard(_ number: Int, of count: Int) -> String {
    func padded(_ value: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    return "model-\(padded(number))-of-\(padded(count)).safetensors"
  }
}
