import Foundation
import Testing

@testable import Tensors

/// What the files of a Linux system say of memory, as its manual (cgroups(7), proc(5)) describes them.
@Suite("Memory of control groups")
struct ControlGroupTests {
  private func available(_ files: [String: String]) -> Int? { ControlGroup.available { files[$0] } }

  @Test("Version 1: limit less use, pages of files not counted; the tightest group around the process counts")
  func first() {
    let mounts = """
      31 23 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro
      36 31 0:32 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
      37 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
      """
    var files = [
      "/proc/self/cgroup": "5:cpu:/other\n4:memory:/jobs/one\n0::/", "/proc/self/mountinfo": mounts,
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/memory.usage_in_bytes": "5\n",
      "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": "1000000\n",
      "/sys/fs/cgroup/memory/jobs/memory.usage_in_bytes": "900000\n",
      "/sys/fs/cgroup/memory/jobs/memory.stat":
        "inactive_file 1\ntotal_inactive_file 500000\ntotal_active_file 200000\n",
      "/sys/fs/cgroup/memory/jobs/one/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/jobs/one/memory.usage_in_bytes": "5\n",
    ]
    #expect(available(files) == 800_000)
    files["/sys/fs/cgroup/memory/jobs/one/memory.limit_in_bytes"] = "600000\n"
    #expect(available(files) == 599_995)
  }

  @Test("Version 2, in a container that sees its own group as the root of what is mounted")
  func second() {
    var files = [
      "/proc/self/cgroup": "0::/box/inner\n",
      "/proc/self/mountinfo": "29 23 0:26 /box /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw",
      "/sys/fs/cgroup/memory.max": "max\n", "/sys/fs/cgroup/memory.current": "100\n",
      "/sys/fs/cgroup/inner/memory.max": "70000\n", "/sys/fs/cgroup/inner/memory.current": "30000\n",
      "/sys/fs/cgroup/inner/memory.stat": "anon 9\ninactive_file 8000\nactive_file 2000\n",
    ]
    #expect(available(files) == 50_000)
    files["/sys/fs/cgroup/inner/memory.current"] = "90000\n"
    #expect(available(files) == 0)
    files["/sys/fs/cgroup/inner/memory.max"] = "max"
    #expect(available(files) == nil)
  }

  @Test("A system without control groups, and one whose files say something else, has no limit")
  func none() {
    #expect(available([:]) == nil)
    #expect(available(["/proc/self/cgroup": "what", "/proc/self/mountinfo": "ever\n1 2 - - -"]) == nil)
    #expect(AvailableMemory.machine("MemTotal: 5 kB\nMemAvailable:     2048 kB\n") == 2 << 20)
    #expect(AvailableMemory.machine("MemTotal: 5 kB") == nil)
  }

  @Test("This machine tells something")
  func here() throws {
    let bytes = try #require(AvailableMemory.bytes)
    #expect(bytes > 0 && bytes <= Int(clamping: ProcessInfo.processInfo.physicalMemory))
  }
}
