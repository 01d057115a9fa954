import Foundation
import Testing

@testable import Tensors

@Suite("Huge pages")
struct HugePageMemoryTests {
  #if os(Linux)
    /// More than the C library takes from its heap, so that nobody has asked for huge pages there before.
    private static let whole = 40 << 20

    @Test(
      "What does not fill a huge page lies in small ones",
      .enabled(if: FileManager.default.fileExists(atPath: "/sys/kernel/mm/transparent_hugepage")))
    func tail() throws {
      let tensor = HugePageMemory.tensor(dtype: .uint8, shape: [Self.whole + 4096]) {
        $0.initializeMemory(as: UInt8.self, repeating: 1)
      }
      defer { withExtendedLifetime(tensor) {} }
      let first = tensor.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
      #expect(first % (2 << 20) == 0)
      #expect(try asksForHugePages(first))
      #expect(try asksForHugePages(first + UInt(Self.whole) - 1))
      #expect(try !asksForHugePages(first + UInt(Self.whole)))
    }

    /// Whether the mapping around an address has the flag `hg` (`MADV_HUGEPAGE`).
    private func asksForHugePages(_ address: UInt) throws -> Bool {
      var isInside = false
      for line in try #require(AvailableMemory.text("/proc/self/smaps")).split(separator: "\n") {
        let words = line.split(separator: " ")
        let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        if ends.count == 2 {
          isInside = ends[0]..<ends[1] ~= address
        } else if isInside, words[0] == "VmFlags:" {
          return words.contains("hg")
        }
      }
      return false
    }
  #endif
}
