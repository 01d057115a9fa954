import Tensors

/// Turns steps within blocks into one measure of the whole work: statistics are the first half of a block, its matrices the
/// second.
struct BlockMeter {
  private let progress: any ProgressListener
  private let blocks: Int
  /// Steps that one block counts for.
  private static let stepsPerBlock = 100

  init(_ progress: any ProgressListener, blocks: Int) {
    self.progress = progress
    self.blocks = blocks
  }

  /// `share` (0...1) of block `block` is done, and `step` is being worked on.
  func report(block: Int, _ step: String, share: Double) {
    progress.report(
      "quantizing", detail: "block \(block + 1) of \(blocks), \(step)",
      completed: block * Self.stepsPerBlock + Int(share * Double(Self.stepsPerBlock)),
      total: blocks * Self.stepsPerBlock, unit: .share)
  }
}
