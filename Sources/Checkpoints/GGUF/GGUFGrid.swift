import Foundation

/// A fixed grid of ggml's IQ formats: each point a few small integers, decoded once, when first used.
///
/// The grids are data of the format (`iq2xxs_grid` … in ggml-common.h), packed by `Scripts/pack_gguf_grids.py`.
struct GGUFGrid: @unchecked Sendable {
  /// The coordinates, point after point; the memory lives as long as the process.
  let points: UnsafePointer<Int8>

  static let iq2_xxs = GGUFGrid(codesIQ2_XXS, points: 256, length: 8, bits: 2, [8, 25, 43])
  static let iq2_xs = GGUFGrid(codesIQ2_XS, points: 512, length: 8, bits: 2, [8, 25, 43])
  static let iq2_s = GGUFGrid(codesIQ2_S, points: 1024, length: 8, bits: 2, [8, 25, 43])
  static let iq3_xxs = GGUFGrid(codesIQ3_XXS, points: 256, length: 4, bits: 4, [4, 12, 20, 28, 36, 44, 52, 62])
  static let iq3_s = GGUFGrid(codesIQ3_S, points: 512, length: 4, bits: 4, [1, 3, 5, 7, 9, 11, 13, 15])
  static let iq1 = GGUFGrid(codesIQ1, points: 2048, length: 8, bits: 2, [-1, 0, 1])

  /// Unpacks base64 text, each byte of which holds codes of `bits` bits (lowest first) for entries of `levels`.
  private init(_ text: String, points count: Int, length: Int, bits: Int, _ levels: [Int8]) {
    let packed = Data(base64Encoded: text, options: .ignoreUnknownCharacters) ?? Data()
    let codesPerByte = 8 / bits
    precondition(packed.count == count * length / codesPerByte, "a grid of the IQ formats is incomplete")
    let memory = UnsafeMutablePointer<Int8>.allocate(capacity: count * length)
    for index in 0..<count * length {
      let code = Int(packed[index / codesPerByte]) >> (index % codesPerByte * bits) & (1 << bits - 1)
      memory[index] = levels[min(code, levels.count - 1)]
    }
    points = UnsafePointer(memory)
  }
}
