import CKernels
import Tensors

/// How much the loss depends on the outputs of each matrix: for every token the sum of squares of the gradient by them.
final class OutputGradients {
  /// Those of one matrix.
  final class Record {
    /// By token, in the order of the windows.
    var energies: [Float] = []

    /// Adds a window's gradient, `rows` rows of `width` numbers, `stride` floats apart.
    func add(_ dy: UnsafePointer<Float>, rows: Int, width: Int, stride: Int) {
      let kernels = ck_active().pointee
      for row in 0..<rows {
        let line = dy + row * stride
        energies.append(kernels.dot(line, line, width))
      }
    }

    /// The mean over tokens.
    var mean: Double { energies.reduce(0) { $0 + Double($1) } / Double(max(1, energies.count)) }
  }

  private var records: [String: Record] = [:]

  /// The record of a module, made at first use.
  func record(of module: String) -> Record {
    if let known = records[module] { return known }
    let record = Record()
    records[module] = record
    return record
  }

  /// What has been recorded so far, which is then forgotten here.
  func take() -> OutputGradients {
    let taken = OutputGradients()
    for (module, record) in records {
      swap(&taken.record(of: module).energies, &record.energies)
    }
    return taken
  }

  /// Measured modules, sorted.
  var modules: [String] { records.keys.sorted() }

  /// The record of a module that has been measured.
  subscript(module: String) -> Record? { records[module] }
}
