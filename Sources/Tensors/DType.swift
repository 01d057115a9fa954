/// The element types of checkpoint tensors; raw values are the names that safetensors headers use.
public enum DType: String, Sendable, Hashable, CaseIterable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case float8e4m3 = "F8_E4M3"
  case float8e5m2 = "F8_E5M2"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint64 = "U64"
  case uint32 = "U32"
  case uint16 = "U16"
  case uint8 = "U8"
  case bool = "BOOL"

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .float8e4m3, .float8e5m2, .int8, .uint8, .bool: 1
    }
  }

  /// The name `config.json` uses (`torch_dtype`), for the types models are stored in.
  public var configurationName: String? {
    switch self {
    case .float32: "float32"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .float64: "float64"
    default: nil
    }
  }

  /// The type named by `torch_dtype` or `dtype` in `config.json`, with or without the prefix `torch.`.
  public init?(configurationName: String) {
    let name = configurationName.hasPrefix("torch.") ? String(configurationName.dropFirst(6)) : configurationName
    guard let match = Self.allCases.first(where: { $0.configurationName == name }) else { return nil }
    self = match
  }
}
