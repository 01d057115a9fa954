import Foundation
import JSONReader
import TestSupport
import Testing

@testable import Checkpoints

@Suite("Names, settings and headers of the hub")
struct HubNameTests {
  @Test(
    "Names follow validate_repo_id of PyPI huggingface_hub",
    arguments: [
      ("org/name", "org/name", "main"), ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B", "main"),
      ("o_/a_b", "o_/a_b", "main"),
      ("org/name@v1", "org/name", "v1"), ("org/name@refs/pr/1", "org/name", "refs/pr/1"),
    ])
  func names(text: String, id: String, revision: String) throws {
    let model = try #require(HubRepository(text))
    #expect(model.id == id)
    #expect(model.revision == revision)
  }

  @Test(
    "What is no name",
    arguments: [
      "", "name", "org/", "/name", "a/b/c", "./model", "../model", "org/.name", "org/name.", "org/-a", "a--b/c",
      "a/b..c",
      "org/name.git", "org/na me", "org/näme", "org/name@", "org/name@../x", "org/name@a//b", "org/name@/x",
      "org/na\\me",
      "org/" + String(repeating: "x", count: 93),
    ])
  func noNames(text: String) { #expect(HubRepository(text) == nil) }

  @Test("A revision may come from the name or from the option, not from both")
  func revision() {
    #expect(HubRepository("org/name", revision: "v2")?.revision == "v2")
    #expect(HubRepository("org/name@v1", revision: "v2") == nil)
  }

  @Test("The folder of the cache and the token come from the variables of the ecosystem, in its order")
  func settings() throws {
    let folder = try SharedData.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data("hf_file\n".utf8).write(to: folder.appendingPathComponent("token"))
    func settings(_ variables: [String: String]) throws -> HubSettings {
      try HubSettings(environment: variables.merging(["HOME": "/home/me"]) { first, _ in first })
    }
    #expect(try settings([:]).cacheFolder == "/home/me/.cache/huggingface/hub")
    #expect(try settings([:]).endpoint.absoluteString == "https://huggingface.co")
    #expect(try settings(["XDG_CACHE_HOME": "/x"]).cacheFolder == "/x/huggingface/hub")
    #expect(try settings(["HF_HOME": "~/hf"]).cacheFolder == "/home/me/hf/hub")
    #expect(try settings(["HF_HOME": "/hf", "HF_HUB_CACHE": "/cache"]).cacheFolder == "/cache")
    #expect(try settings(["HF_ENDPOINT": "https://mirror.example/hub/"]).endpoint.path == "/hub")
    #expect(try settings(["HF_HUB_OFFLINE": "yes"]).isOffline)
    #expect(try !settings(["HF_HUB_OFFLINE": "0"]).isOffline)
    #expect(try settings(["HF_HOME": folder.path]).token?.header == "Bearer hf_file")
    #expect(try settings(["HF_HOME": folder.path, "HF_TOKEN": " hf_own\n"]).token?.header == "Bearer hf_own")
    #expect(try settings(["HF_TOKEN_PATH": folder.path + "/token"]).token?.header == "Bearer hf_file")
    #expect(try settings(["HF_TOKEN": "a", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]).token == nil)
    #expect(try settings(["HF_TOKEN": "a\r\nX: b"]).token == nil)
    for address in ["file:///etc", "huggingface.co", "http://", "https://me:secret@host", "https://host/?x"] {
      #expect(throws: CheckpointError.self) { try settings(["HF_ENDPOINT": address]) }
    }
  }

  @Test("A token shows itself in no description")
  func secret() throws {
    let settings = try HubSettings(environment: ["HF_TOKEN": "hf_secret"])
    #expect(settings.token?.header == "Bearer hf_secret")
    var dumped = ""
    dump(settings, to: &dumped)
    for text in ["\(settings)", String(reflecting: settings), dumped] { #expect(!text.contains("hf_secret")) }
  }

  @Test(
    "ETags give names of files, or none",
    arguments: [
      ("\"abc\"", "abc"), ("W/\"abc-2\"", "abc-2"), ("abc", "abc"), ("\"../x\"", nil), ("\"\"", nil), ("\".x\"", nil),
      ("\"a/b\"", nil), ("\"a b\"", nil),
    ])
  func tags(header: String, name: String?) { #expect(BlobName(header: header)?.text == name) }

  @Test(
    "Checksums: SHA-256 of `abc` (FIPS 180-2), and the git object ids of no bytes and of `what is up, doc?` (Pro Git)")
  func checksums() throws {
    func isRight(_ name: String, _ text: String) throws -> Bool {
      var checksum = BlobChecksum(of: try #require(BlobName(header: name)), length: text.utf8.count)
      for byte in text.utf8 { withUnsafeBytes(of: byte) { checksum.update($0) } }
      return checksum.isRight
    }
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    #expect(try isRight(sha256, "abc"))
    #expect(try !isRight(sha256, "abd"))
    #expect(try isRight("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", ""))
    #expect(try isRight("bd9dbf5aae1a3862dd1526723246b20206e5fc37", "what is up, doc?"))
    #expect(try !isRight("bd9dbf5aae1a3862dd1526723246b20206e5fc37", "what is up, dog?"))
  }

  @Test("Retry-After is a count of seconds or a date; other values ask for nothing")
  func retryAfter() throws {
    #expect(HubConnection.retryDelay("7") == .seconds(7))
    #expect(HubConnection.retryDelay("-7") == .zero)
    #expect(HubConnection.retryDelay("Wed, 21 Oct 2015 07:28:00 GMT") == .zero)
    #expect(try #require(HubConnection.retryDelay("Wed, 21 Oct 2071 07:28:00 GMT")) > .seconds(1_000_000))
    #expect(HubConnection.retryDelay("soon") == nil)
  }

  @Test("Waits double up to a limit, and the last attempt ends in an error that names the cause")
  func retries() async throws {
    var retries = Retries(RetryPolicy(attempts: 3, firstWait: .zero))
    try await retries.pause(after: TransientFailure(message: "broken"))
    try await retries.pause(after: TransientFailure(message: "broken"))
    await #expect { try await retries.pause(after: TransientFailure(message: "broken")) } throws: { error in
      (error as? CheckpointError)?.code == .unreachable && "\(error)" == "broken (3 attempts)"
    }
  }

  @Test(
    "Answers that list no commit, no files or a path out of the folder are refused",
    arguments: [
      "{}", "[]", "{\"sha\": \"main\", \"siblings\": []}", "{\"sha\": \"COMMIT\"}",
      "{\"sha\": \"COMMIT\", \"siblings\": [{}]}", "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": 1}]}",
      "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"../x\"}]}",
      "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"a/../../x\"}]}",
      "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"/etc/x\"}]}",
      "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"\"}]}",
      "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"a\\u0000b\"}]}",
      "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"a\\\\b\"}]}",
      "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"a//b\"}]}",
      "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"./a\"}]}",
    ])
  func listings(text: String) throws {
    let whole = text.replacingOccurrences(of: "COMMIT", with: String(repeating: "a1", count: 20))
    let document = try JSONValue.parse(Array(whole.utf8))
    #expect { _ = try RepositoryListing(document) } throws: { ($0 as? CheckpointError)?.code == .badAnswer }
  }
}
