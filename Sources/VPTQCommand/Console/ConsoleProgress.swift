import Foundation
import Synchronization
import Tensors

/// Progress on standard error: a bar with rate and remaining time on a terminal, plain lines elsewhere.
final class ConsoleProgress: ProgressListener {
  private struct State {
    var stage = ""
    var stageStart = ContinuousClock.now
    /// What was done when the stage was first heard of, for instance by an earlier run.
    var doneAtStart = 0
    /// Work that ends before the first pause is over prints no line where there is no terminal.
    var lastShown = ContinuousClock.now
    var drawn = false
  }

  private let state = Mutex(State())
  private let isTerminal: Bool
  private let isQuiet: Bool

  init(quiet: Bool) {
    isQuiet = quiet
    isTerminal = Console.errorIsTerminal
  }

  func report(_ stage: String, detail: String, completed: Int, total: Int, unit: ProgressUnit) {
    if isQuiet { return }
    state.withLock { state in
      let now = ContinuousClock.now
      let isNew = stage != state.stage
      if isNew {
        state.stage = stage
        state.stageStart = now
        state.doneAtStart = completed
      }
      let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(15)
      if state.lastShown.duration(to: now) < pause, !(isTerminal && completed == total) { return }
      state.lastShown = now
      var line = self.line(
        stage, completed, total, unit, since: state.doneAtStart,
        seconds: Double(state.stageStart.duration(to: now) / .seconds(1)))
      if !detail.isEmpty { line += "  \(detail)" }
      if isTerminal {
        Console.writeRawError("\r\u{1B}[2K\(line)")
        state.drawn = true
      } else {
        Console.writeError(line)
      }
    }
  }

  /// Takes the bar away, so that other output starts on an empty line.
  func clear() {
    state.withLock { state in
      if state.drawn { Console.writeRawError("\r\u{1B}[2K") }
      state.drawn = false
    }
  }

  private func line(
    _ stage: String, _ completed: Int, _ total: Int, _ unit: ProgressUnit, since start: Int, seconds: Double
  ) -> String {
    guard total > 0 else { return stage }
    let share = min(1, max(0, Double(completed) / Double(total)))
    let filled = Int(share * 24)
    var line = "\(stage) [\(String(repeating: "=", count: filled))\(String(repeating: " ", count: 24 - filled))] "
    switch unit {
    case .items(let name): line += "\(completed)/\(total) \(name)"
    case .bytes: line += "\(Console.size(completed))/\(Console.size(total))"
    case .share: line += "\(Int(share * 100))%"
    }
    if completed > start, seconds > 0.5 {
      let rate = Double(completed - start) / seconds
      switch unit {
      case .items: line += "  \(Console.fixed(rate, rate < 10 ? 2 : 0))/s"
      case .bytes: line += "  \(Console.size(Int(rate)))/s"
      case .share: break
      }
      if completed < total { line += "  \(Console.clock(Double(total - completed) / rate)) left" }
    }
    return line
  }
}
