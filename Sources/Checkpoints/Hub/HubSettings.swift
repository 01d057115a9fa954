public import Foundation

/// Which hub is asked, as whom, and where its files are kept.
///
/// The variables and their defaults are those of PyPI `huggingface_hub` (`constants.py`).
public struct HubSettings: Sendable {
  /// The hub, `HF_ENDPOINT`; https://huggingface.co by default.
  public let endpoint: URL
  /// The folder of the cache: `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
  public let cacheFolder: String
  /// Whether only the cache may be used, `HF_HUB_OFFLINE`.
  public let isOffline: Bool
  let origin: WebOrigin
  let token: AccessToken?
  let proxies: ProxyRules
  /// The certificates to trust instead of the system's, `SSL_CERT_FILE`.
  let certificateFile: String?

  /// Reads the settings from variables; `HF_TOKEN` comes before the file `HF_TOKEN_PATH` (by default `HF_HOME/token`).
  ///
  /// - Throws: `CheckpointError` (`unsupported`) if `HF_ENDPOINT` is no URL of a hub.
  public init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
    func value(_ names: String...) -> String? {
      names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    func isTrue(_ names: String...) -> Bool {
      names.contains { ["1", "ON", "YES", "TRUE"].contains((environment[$0] ?? "").uppercased()) }
    }
    let home = value("HOME") ?? NSHomeDirectory()
    func path(_ text: String) -> String { text == "~" || text.hasPrefix("~/") ? home + text.dropFirst() : text }

    var address = Substring(value("HF_ENDPOINT") ?? "https://huggingface.co")
    while address.hasSuffix("/") { address.removeLast() }
    guard let endpoint = URL(string: String(address)), let origin = WebOrigin(endpoint), endpoint.user == nil,
      endpoint.query == nil, endpoint.fragment == nil
    else {
      throw CheckpointError(.unsupported, "HF_ENDPOINT must be the address of a hub, like https://huggingface.co")
    }
    self.endpoint = endpoint
    self.origin = origin

    let hubHome = path(value("HF_HOME") ?? (value("XDG_CACHE_HOME") ?? home + "/.cache") + "/huggingface")
    cacheFolder = path(value("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? hubHome + "/hub")
    proxies = ProxyRules(environment: environment)
    certificateFile = value("SSL_CERT_FILE").map(path)
    isOffline = isTrue("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    if isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
      token = nil
    } else if let variable = value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") {
      token = AccessToken(variable)
    } else {
      let file = FileManager.default.contents(atPath: path(value("HF_TOKEN_PATH") ?? hubHome + "/token"))
      token = file.flatMap { AccessToken(String(decoding: $0.prefix(4096), as: UTF8.self)) }
    }
  }
}
