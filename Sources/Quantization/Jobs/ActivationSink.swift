import Tensors

/// Where the residual stream behind a block goes.
struct ActivationSink {
  private let buffer: ActivationBuffer?
  private let writer: StatisticsFileWriter?
  private let onFinish: (SecondMoments) throws -> Void
  /// Floats of each pass; none where nothing reads them.
  let passes: [Int]

  init(buffer: ActivationBuffer?, passes: [Int], onFinish: @escaping (SecondMoments) throws -> Void) {
    (self.buffer, self.passes, self.onFinish, writer) = (buffer, passes, onFinish, nil)
  }

  init(writer: StatisticsFileWriter, passes: [Int]) {
    (self.writer, self.passes, buffer) = (writer, passes, nil)
    onFinish = { try writer.finish($0) }
  }

  var isFile: Bool { writer != nil }

  func write(pass: Int, from states: UnsafePointer<Float>) throws {
    guard passes.indices.contains(pass) else { return }
    buffer?.write(pass: pass, from: states, count: passes[pass])
    try writer?.write(pass: pass, from: states)
  }

  func finish(_ moments: SecondMoments) throws { try onFinish(moments) }
}
