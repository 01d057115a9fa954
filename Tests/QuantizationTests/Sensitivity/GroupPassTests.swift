import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Quantization

@Suite("Gradients of several windows, block by block")
struct GroupPassTests {
  /// Every value of 11 windows in groups of 4, of which the last is smaller, to the bit.
  @Test(
    "Gradients are those of one window at a time, with streams in memory and in a file", arguments: [Int.max, 5000])
  func sameBits(memory: Int) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = try ModelDirectory(path: TinyModel.write(in: folder))
    let windows = TinyModel.windows(11, length: 32)
    let single = try FisherPass(model, length: 32, seed: 1)
    for (number, window) in windows.enumerated() { single.add(window, number: number) }
    let grouped = try FisherPass(
      model, length: 32, seed: 1, group: 4, streamMemory: memory, spill: folder.path)
    var shares: [Double] = []
    for first in stride(from: 0, to: windows.count, by: 4) {
      try grouped.add(windows[first..<min(windows.count, first + 4)]) { shares.append($0) }
    }
    #expect(shares.max() == 1)
    #expect(single.gradients.modules.count == 14)
    #expect(grouped.gradients.modules == single.gradients.modules)
    for module in single.gradients.modules {
      #expect(grouped.gradients[module]?.energies == single.gradients[module]?.energies)
      #expect(single.gradients[module]?.energies.count == 11 * 32)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model"])
  }

  @Test("Streams that cannot be kept are told")
  func noFolder() throws {
    let error = #expect(throws: QuantizationError.self) {
      try StreamStore(count: 2, floats: 4, memoryLimit: 0, folder: "/nowhere/at/all")
    }
    #expect(error?.code == .cannotWrite && error?.message.contains("/nowhere/at/all") == true)
  }
}
