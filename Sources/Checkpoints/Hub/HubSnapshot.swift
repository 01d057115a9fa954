/// What a pull has put, or found, in the cache.
public struct HubSnapshot: Sendable {
  /// The folder of the files.
  public let path: String
  /// The id of the commit.
  public let commit: String
  /// The paths of the wanted files below the folder.
  public let files: [String]
  /// The length of all these files.
  public let bytes: Int
  /// How many bytes came over the network for them now.
  public let downloadedBytes: Int
  /// What the user should know, one sentence each.
  public let notices: [String]
}
