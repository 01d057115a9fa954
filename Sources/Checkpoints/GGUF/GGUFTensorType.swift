/// How the elements of a GGUF tensor are stored: plain, or in blocks that share scales (ggml's `ggml_type`).
public enum GGUFTensorType: UInt32, Sendable, CaseIterable {
  case f32 = 0
  case f16 = 1
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case q8_1 = 9
  case q2_K = 10
  case q3_K = 11
  case q4_K = 12
  case q5_K = 13
  case q6_K = 14
  case q8_K = 15
  case iq2_xxs = 16
  case iq2_xs = 17
  case iq3_xxs = 18
  case iq1_s = 19
  case iq4_nl = 20
  case iq3_s = 21
  case iq2_s = 22
  case iq4_xs = 23
  case i8 = 24
  case i16 = 25
  case i32 = 26
  case i64 = 27
  case f64 = 28
  case iq1_m = 29
  case bf16 = 30
  case tq1_0 = 34
  case tq2_0 = 35
  case mxfp4 = 39
  case nvfp4 = 40
  case q1_0 = 41
  case q2_0 = 42

  /// Elements of one block; a row is a whole number of blocks.
  public var blockLength: Int {
    switch self {
    case .f32, .f16, .f64, .bf16, .i8, .i16, .i32, .i64: 1
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q8_1, .iq4_nl, .mxfp4: 32
    case .nvfp4, .q2_0: 64
    case .q1_0: 128
    case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .q8_K, .iq2_xxs, .iq2_xs, .iq2_s, .iq3_xxs, .iq3_s, .iq1_s, .iq1_m,
      .iq4_xs, .tq1_0, .tq2_0:
      256
    }
  }

  /// Bytes of one block.
  public var blockBytes: Int {
    switch self {
    case .i8: 1
    case .f16, .bf16, .i16: 2
    case .f32, .i32: 4
    case .f64, .i64: 8
    case .mxfp4: 17
    case .q4_0, .iq4_nl, .q1_0, .q2_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .q8_1, .nvfp4: 36
    case .iq1_s: 50
    case .tq1_0: 54
    case .iq1_m: 56
    case .iq2_xxs, .tq2_0: 66
    case .iq2_xs: 74
    case .iq2_s: 82
    case .q2_K: 84
    case .iq3_xxs: 98
    case .q3_K, .iq3_s: 110
    case .iq4_xs: 136
    case .q4_K: 144
    case .q5_K: 176
    case .q6_K: 210
    case .q8_K: 292
    }
  }

  /// The name ggml prints, for instance `Q4_1` or `IQ2_XXS`.
  public var name: String { "\(self)".uppercased() }

  /// What ggml called the types that it no longer reads: layouts for one kind of processor, and early drafts.
  static let retiredNames: [UInt32: String] = [
    4: "Q4_2", 5: "Q4_3", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8",
    38: "IQ4_NL_8_8",
  ]
}
