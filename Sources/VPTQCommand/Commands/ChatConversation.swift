import Foundation
import Generation
import JSONReader

/// The loop of `vptq chat`: reads lines, obeys commands, streams answers.
final class ChatConversation {
  private let session: ChatSession
  private let common: CommonOptions
  private let editor: LineEditor
  private let interruption = AnswerInterruption()

  private static let help = """
    /help            this list
    /system TEXT     set the system message and begin anew; without TEXT: none
    /reset           forget the conversation
    /retry           another answer to the last message
    /save FILE       write the conversation as JSON
    /load FILE       take up a conversation that was saved
    /quit            end
    """

  init(session: ChatSession, system: String?, common: CommonOptions) {
    self.session = session
    self.common = common
    editor = LineEditor(isTerminal: isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1)
  }

  func run() async throws {
    if editor.isTerminal, !common.quiet { Console.writeError("/help lists the commands; Ctrl-C stops an answer") }
    while let text = message() {
      let line = text.trimmingCharacters(in: .whitespacesAndNewlines)
      if line.isEmpty { continue }
      if line.hasPrefix("/") {
        guard await obey(line) else { return }
      } else {
        await answer { self.session.streamResponse(to: text) }
      }
    }
  }

  /// A message of one or more lines; nil at the end of the input.
  private func message() -> String? {
    guard var text = editor.line(prompt: "> ") else { return nil }
    while text.hasSuffix("\\") {
      text.removeLast()
      text += "\n" + (editor.line(prompt: ". ") ?? "")
    }
    return text
  }

  /// Obeys a command; false where it ends the program.
  private func obey(_ line: String) async -> Bool {
    let parts = line.split(separator: " ", maxSplits: 1)
    let argument = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
    switch parts[0] {
    case "/quit", "/exit": return false
    case "/help": Console.writeError(Self.help)
    case "/reset": session.reset()
    case "/system":
      session.setSystem(argument.isEmpty ? nil : argument)
      session.reset()
    case "/retry":
      guard session.messages.contains(where: { $0.role == "user" }) else {
        Console.writeError("there is nothing to answer yet")
        break
      }
      await answer { self.session.streamRetry() }
    case "/save": save(argument)
    case "/load": load(argument)
    default: Console.writeError("\(parts[0]) is no command; /help lists them")
    }
    return true
  }

  private func answer(_ stream: () -> AsyncThrowingStream<String, any Error>) async {
    let pieces = stream()
    let task = Task {
      for try await piece in pieces { Console.write(piece) }
    }
    interruption.onRequest { task.cancel() }
    defer { interruption.onRequest(nil) }
    do {
      try await task.value
    } catch is CancellationError {
    } catch {
      Console.write("\n")
      Console.writeError("vptq: \(Failure(error).message)")
      return
    }
    Console.write("\n")
    guard !common.quiet, common.verbose, let result = session.lastResult else { return }
    Console.writeError(
      "\(result.promptTokenCount) prompt tokens (\(result.cachedTokenCount) known), \(result.tokens.count) tokens at "
        + "\(Console.fixed(result.decodeTokensPerSecond, 1))/s")
  }

  private func save(_ path: String) {
    guard !path.isEmpty else { return Console.writeError("/save needs a file") }
    let messages = session.messages.map {
      JSONValue.object([("role", .string($0.role)), ("content", .string($0.content))])
    }
    do {
      try Data(JSONValue.array(messages).serialized(pretty: true).utf8).write(
        to: URL(fileURLWithPath: path), options: .atomic)
      Console.writeError("\(messages.count) messages in \(path)")
    } catch {
      Console.writeError("vptq: cannot write \(path): \(error.localizedDescription)")
    }
  }

  private func load(_ path: String) {
    guard let data = FileManager.default.contents(atPath: path) else {
      return Console.writeError("vptq: cannot read \(path)")
    }
    let items = (try? JSONValue.parse([UInt8](data)))?.arrayValue
    let messages = items?.compactMap { item -> ChatSession.Message? in
      guard let role = item["role"]?.stringValue, let content = item["content"]?.stringValue,
        ["system", "user", "assistant"].contains(role)
      else { return nil }
      return ChatSession.Message(role: role, content: content)
    }
    guard let messages, messages.count == items?.count else {
      return Console.writeError("vptq: \(path) holds no conversation that was saved here")
    }
    session.messages = messages
    Console.writeError("\(messages.count) messages from \(path)")
  }
}

/// Ctrl-C during an answer stops the answer; without one it ends the program.
private final class AnswerInterruption: @unchecked Sendable {
  private let lock = NSLock()
  private var stop: (() -> Void)?
  private let source: any DispatchSourceSignal

  init() {
    signal(SIGINT, SIG_IGN)
    source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler { [unowned self] in
      if let stop = lock.withLock({ self.stop }) {
        stop()
      } else {
        LineEditor.restoreTerminal()
        exit(ExitStatus.interrupted.rawValue)
      }
    }
    source.activate()
  }

  func onRequest(_ stop: (() -> Void)?) { lock.withLock { self.stop = stop } }
}
