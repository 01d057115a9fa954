import Foundation

extension HubConnection {
  /// Throws what an answer without content means, with what to do about it.
  ///
  /// The hub tells the kinds apart by `X-Error-Code`; it answers 401 also for repositories that do not exist.
  func check(_ reply: Reply, for repository: HubRepository, file: String? = nil) throws {
    let answer = reply.answer
    guard !(200...299).contains(answer.status) else { return }
    let hub = settings.origin
    let said = answer.header("X-Error-Message").map(Self.printable) ?? ""
    guard reply.isFromHub else {
      throw TransientFailure(message: "the host that \(hub) keeps its files on answers HTTP \(answer.status)")
    }
    switch (answer.header("X-Error-Code"), answer.status) {
    case ("RevisionNotFound", _):
      throw CheckpointError(.notFound, "\(repository.id) has no revision \(repository.revision) at \(hub)")
    case ("EntryNotFound", _):
      throw CheckpointError(.notFound, "\(repository) has no file \(file ?? "of this name") at \(hub)")
    case ("GatedRepo", _):
      throw CheckpointError(
        .accessDenied,
        "\(repository.id) is a gated \(repository.noun): accept its terms at \(settings.endpoint.absoluteString)/\(repository.address), and set "
          + "HF_TOKEN to a token of the account that did")
    case (nil, 401) where settings.token != nil && said.lowercased().contains("invalid"):
      throw CheckpointError(.accessDenied, "\(hub) does not accept the token: renew HF_TOKEN, or remove it")
    case ("RepoNotFound", _), (_, 401), (_, 404):
      if let file, answer.status == 404, answer.header("X-Error-Code") == nil {
        throw CheckpointError(.notFound, "\(repository) has no file \(file) at \(hub)")
      }
      let advice =
        settings.token == nil
        ? "check the name; if the \(repository.noun) is private, set HF_TOKEN"
        : "check the name; if the \(repository.noun) is private, HF_TOKEN must be of an account that may read it"
      throw CheckpointError(.notFound, "there is no \(repository.noun) \(repository.id) at \(hub): \(advice)")
    case (_, 403):
      throw CheckpointError(
        .accessDenied,
        "\(hub) denies access to \(repository.id)\(said.isEmpty ? "" : " (\(said))"): set HF_TOKEN to a token that may read it"
      )
    default:
      throw CheckpointError(.badAnswer, "\(hub) answers HTTP \(answer.status) for \(file ?? repository.id)")
    }
  }

  /// At most 200 characters that a terminal shows as they are.
  static func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.prefix(200).filter { $0.value >= 0x20 && $0.value < 0x7F }))
  }
}
