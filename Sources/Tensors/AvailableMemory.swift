import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How much memory this process could still take without the system having to refuse it or to write others' out.
package enum AvailableMemory {
  /// What the machine has to spare, or less where a control group allows less; nil where the system does not say.
  package static var bytes: Int? {
    #if os(Linux)
      return [machine(text("/proc/meminfo")), ControlGroup.available(read: text)].compactMap(\.self).min()
    #elseif canImport(Darwin)
      var statistics = vm_statistics64()
      var count = mach_msg_type_number_t(MemoryLayout<vm_statistics64>.size / MemoryLayout<integer_t>.size)
      let result = withUnsafeMutablePointer(to: &statistics) {
        $0.withMemoryRebound(to: integer_t.self, capacity: Int(count)) {
          host_statistics64(mach_host_self(), HOST_VM_INFO64, $0, &count)
        }
      }
      guard result == KERN_SUCCESS else { return nil }
      let pages = Int(statistics.free_count) + Int(statistics.inactive_count) + Int(statistics.purgeable_count)
      return pages * Int(getpagesize())
    #else
      return nil
    #endif
  }

  /// `MemAvailable` of `/proc/meminfo`.
  package static func machine(_ text: String?) -> Int? {
    guard let line = text?.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
      let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return kibibytes << 10
  }

  /// A whole file of the system, which gives a page of it at a time and no length: `FileManager` would stop after the first.
  package static func text(_ path: String) -> String? {
    guard let file = FileHandle(forReadingAtPath: path) else { return nil }
    return (try? file.readToEnd()).map { String(decoding: $0, as: UTF8.self) }
  }
}
