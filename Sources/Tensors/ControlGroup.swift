/// What the control groups of this process leave it of memory (Linux, both versions).
package enum ControlGroup {
  /// The least that any group around this process has left: its limit less what it uses, where pages of files, which the
  /// group can give back, do not count; nil without a limit.
  ///
  /// - Parameter read: the content of a file, if there is one.
  package static func available(read: (String) -> String?) -> Int? {
    guard let own = read("/proc/self/cgroup"), let mounts = read("/proc/self/mountinfo") else { return nil }
    var least: Int?
    for line in own.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3, fields[1].isEmpty || fields[1].split(separator: ",").contains("memory"),
        let mount = mount(of: fields[1].isEmpty ? "cgroup2" : "cgroup", in: mounts)
      else { continue }
      for folder in folders(of: String(fields[2]), mount) {
        guard let left = left(in: folder, isUnified: fields[1].isEmpty, read) else { continue }
        least = min(least ?? left, left)
      }
    }
    return least
  }

  /// Where a hierarchy is mounted, and which of its groups is mounted there.
  private static func mount(of type: String, in mounts: String) -> (root: String, point: String)? {
    for line in mounts.split(separator: "\n") {
      // 36 35 98:0 /root /point options - type source super-options
      let halves = line.split(separator: " ").split(separator: "-")
      guard halves.count >= 2, let first = halves.first, let last = halves.last, first.count >= 5,
        last.first.map(String.init) == type,
        type == "cgroup2" || last.last?.split(separator: ",").contains("memory") == true
      else { continue }
      let fields = Array(first)
      return (String(fields[3]), String(fields[4]))
    }
    return nil
  }

  /// The folders of a group and of those around it.
  private static func folders(of group: String, _ mount: (root: String, point: String)) -> [String] {
    var path = group
    if mount.root != "/" { path = path.hasPrefix(mount.root) ? String(path.dropFirst(mount.root.count)) : "" }
    var parts = path.split(separator: "/")
    // A group that lies outside what is mounted here is seen as the mount itself.
    if parts.contains("..") { parts = [] }
    return (0...parts.count).map { ([mount.point] + parts.prefix($0).map(String.init)).joined(separator: "/") }
  }

  private static func left(in folder: String, isUnified: Bool, _ read: (String) -> String?) -> Int? {
    let names =
      isUnified ? ("memory.max", "memory.current", "") : ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
    func number(_ name: String) -> Int? {
      read("\(folder)/\(name)").flatMap { Int($0.filter { !$0.isWhitespace }) }
    }
    // Version 1 says "no limit" as the largest multiple of a page.
    guard let limit = number(names.0), limit < 1 << 62, let used = number(names.1) else { return nil }
    var files = 0
    for line in (read("\(folder)/memory.stat") ?? "").split(separator: "\n") {
      let fields = line.split(separator: " ")
      if fields.count == 2, ["inactive_file", "active_file"].contains(where: { fields[0] == names.2 + $0 }) {
        files += Int(fields[1]) ?? 0
      }
    }
    return max(0, limit - max(0, used - files))
  }
}
