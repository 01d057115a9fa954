import Foundation
import TestSupport

@testable import Quantization

/// One layer that the reference's quantizer worked on: a recorded safetensors file and its settings.
struct AlgorithmVectors {
  static let names = [
    "a-blocks", "a-groups-res", "a-noperm-norm", "a-norm", "a-norm-res", "a-norm1", "a-outlier", "a-outlier-groups",
    "a-pad", "a-perm", "a-plain", "a-res",
  ]

  struct Settings: Decodable {
    var out_features: Int
    var in_features: Int
    var vector_lens: [Int]
    var group_num: Int
    var outlier_size: Int
    var enable_norm: Bool
    var norm_dim: Int
  }

  private struct Entry: Decodable {
    var data_offsets: [Int]
  }

  let settings: Settings
  private let bytes: Data
  private let entries: [String: Entry]
  private let base: Int

  init(_ name: String) throws {
    let folder = "vectors/algo-vectors/"
    settings = try JSONDecoder().decode(
      Settings.self, from: Data(contentsOf: SharedData.url(folder + name + ".json")))
    bytes = try Data(contentsOf: SharedData.url(folder + name + ".safetensors"))
    let length = bytes.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
    base = 8 + length
    let header = bytes.subdata(in: 8..<base)
    let object = try JSONSerialization.jsonObject(with: header) as? [String: Any] ?? [:]
    let tensors = object.filter { $0.key != "__metadata__" }
    entries = try JSONDecoder().decode([String: Entry].self, from: JSONSerialization.data(withJSONObject: tensors))
  }

  func has(_ name: String) -> Bool { entries[name] != nil }

  /// The little-endian elements of a tensor; empty if it is absent.
  func values<Element>(_ name: String, as type: Element.Type) -> [Element] {
    guard let range = entries[name]?.data_offsets else { return [] }
    let size = MemoryLayout<Element>.size
    return bytes.withUnsafeBytes { raw in
      (0..<(range[1] - range[0]) / size).map {
        raw.loadUnaligned(fromByteOffset: base + range[0] + $0 * size, as: type)
      }
    }
  }

  var layout: ColumnLayout {
    ColumnLayout(
      outFeatures: settings.out_features, inFeatures: settings.in_features, vectorLength: settings.vector_lens[1],
      outlierVectorLength: max(settings.vector_lens[0], 0), outlierCount: settings.outlier_size,
      groupCount: settings.group_num)
  }

  var codebooks: CodebookSet {
    let groups = 1...settings.group_num
    return CodebookSet(
      outlier: values("centroids.0", as: Float.self), main: groups.map { values("centroids.\($0)", as: Float.self) },
      residual: has("res_centroids.1") ? groups.map { values("res_centroids.\($0)", as: Float.self) } : [])
  }

  /// `W`, normalized, permuted and transposed.
  var preparedWeights: [Float] {
    let (outputs, inputs) = (settings.out_features, settings.in_features)
    let weight = values("W", as: Float.self)
    let scale = values("weight_scale", as: Float.self)
    let shift = values("weight_bias", as: Float.self)
    let layout = self.layout
    var result = [Float](repeating: 0, count: inputs * layout.stride)
    for (column, source) in values("perm", as: Int64.self).enumerated() {
      for row in 0..<outputs {
        let axis = settings.norm_dim == 0 ? Int(source) : row
        let value = weight[row * inputs + Int(source)]
        result[column * layout.stride + row] = settings.enable_norm ? (value - shift[axis]) / scale[axis] : value
      }
    }
    return result
  }

  /// The recorded codes of group `group` (0: outliers), stored `[N, g]`, as columns.
  func columns(_ prefix: String, group: Int) -> [Int32] {
    let list = values("\(prefix).\(group)", as: Int32.self)
    let width = group == 0 ? settings.outlier_size : layout.groupSize
    guard width > 0, !list.isEmpty else { return [] }
    return (0..<width).flatMap { column in
      stride(from: column, to: list.count, by: width).map { list[$0] }
    }
  }
}
