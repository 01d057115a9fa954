import Foundation
import TestSupport
import Testing

@testable import Quantization

@Suite("Claims of tasks")
struct TaskClaimsTests {
  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }

  @Test("One worker at a time has a task, until it gives it back")
  func exclusive() throws {
    try inFolder { (folder: String) throws in
      let (a, b) = (
        TaskClaims(folder: folder, label: "a", staleSeconds: 60),
        TaskClaims(folder: folder, label: "b", staleSeconds: 60)
      )
      #expect(try a.claim("task") == true)
      #expect(try b.claim("task") == false)
      #expect(b.living()["task"]?.label == "a")
      b.release("task")
      #expect(try b.claim("task") == false)
      a.release("task")
      #expect(try b.claim("task") == true)
      #expect(a.living()["task"]?.label == "b")
    }
  }

  @Test("Of many who want a task at once, one gets it")
  func race() throws {
    try inFolder { (folder: String) throws in
      for round in 0..<20 {
        let claims = (0..<8).map { TaskClaims(folder: folder, label: "\($0)", staleSeconds: 60) }
        nonisolated(unsafe) var taken = [Bool](repeating: false, count: 8)
        taken.withUnsafeMutableBufferPointer { taken in
          nonisolated(unsafe) let taken = taken
          DispatchQueue.concurrentPerform(iterations: 8) {
            taken[$0] = (try? claims[$0].claim("task-\(round)")) ?? false
          }
        }
        #expect(taken.count(where: \.self) == 1)
      }
    }
  }

  /// Process 1 lives everywhere, but does not touch this claim; no process has the largest number there is.
  @Test("A claim is void when its process is gone from this machine, or when nobody touched it for long")
  func stale() throws {
    try inFolder { (folder: String) throws in
      func write(_ name: String, host: String, process: Int, age: Double) throws {
        let path = folder + "/" + name
        try Data(#"{"host": "\#(host)", "process": \#(process), "worker": "w", "label": ""}"#.utf8)
          .write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: path)
      }
      let claims = TaskClaims(folder: folder, label: "", staleSeconds: 30)
      try write("gone", host: TaskClaims.host, process: 4_194_304, age: 0)
      try write("alive", host: TaskClaims.host, process: 1, age: 20)
      try write("silent", host: TaskClaims.host, process: 1, age: 40)
      try write("elsewhere", host: "another", process: 4_194_304, age: 20)
      try write("silent elsewhere", host: "another", process: 1, age: 40)
      try Data().write(to: URL(fileURLWithPath: folder + "/unwritten"))
      #expect(Set(claims.living().keys) == ["alive", "elsewhere", "unwritten"])
      for name in ["gone", "silent", "silent elsewhere"] { #expect(try claims.claim(name) == true) }
      for name in ["alive", "elsewhere", "unwritten"] { #expect(try claims.claim(name) == false) }
    }
  }

  @Test("A worker touches what it holds")
  func heartbeat() throws {
    try inFolder { (folder: String) throws in
      let claims = TaskClaims(folder: folder, label: "", staleSeconds: 1)
      #expect(try claims.claim("task") == true)
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -100)], ofItemAtPath: folder + "/task")
      while (claims.holder("task")?.age ?? 0) > 1 { Thread.sleep(forTimeInterval: 0.05) }
      #expect(claims.living()["task"] != nil)
    }
  }
}
