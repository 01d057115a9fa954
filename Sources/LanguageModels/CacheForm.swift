import CKernels

/// In what form the keys and values of a sequence are kept.
public enum CacheForm: String, Sendable, CaseIterable {
  /// As they are computed.
  case float32
  /// Rounded to half the size.
  case float16
  /// Bytes with a scale for every key and value of a head: a quarter of the size.
  case int8

  /// Bytes of one entry.
  var entryBytes: Int {
    switch self {
    case .float32: 4
    case .float16: 2
    case .int8: 1
    }
  }

  /// Bytes beside the entries of a key or value.
  var scaleBytes: Int { self == .int8 ? 4 : 0 }

  var storage: ck_storage {
    switch self {
    case .float32: CK_F32
    case .float16: CK_F16
    case .int8: CK_I8
    }
  }
}
