import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Why there is no answer, or only a part of one.
enum HTTPFailure: Error, Equatable {
  case badAddress
  case noSuchHost
  case refused
  case silent
  /// The connection ended before the head of the answer did.
  case noAnswer
  case broken
  case malformed
  case badProxy(String)
  case untrusted
  case unencrypted
  case unreadableCertificates
  case other(String)

  /// What an error of the client library means, which is a cancellation where it comes from one.
  static func cause(of error: any Error, isInHead: Bool = false) -> any Error {
    if error is CancellationError || Task.isCancelled { return CancellationError() }
    let failure = HTTPFailure(error)
    return failure == .broken && isInHead ? .noAnswer : failure
  }

  private init(_ error: any Error) {
    self =
      switch error {
      case let failure as HTTPFailure: failure
      case let error as HTTPClientError: Self(client: error)
      case HTTPParserError.invalidEOFState: .broken
      case is HTTPParserError: .malformed
      case let error as NIOConnectionError: Self(connection: error)
      case let error as IOError: Self(system: error.errnoCode)
      case is ChannelError: .broken
      case let error as NIOSSLError: Self(encryption: error)
      case is NIOSSLExtraError: .untrusted
      default: .other("\(error)")
      }
  }

  private init(client error: HTTPClientError) {
    self =
      switch error {
      case .connectTimeout, .tlsHandshakeTimeout, .deadlineExceeded, .getConnectionFromPoolTimeout:
        .silent
      case .httpProxyHandshakeTimeout, .socksHandshakeTimeout: .badProxy("the proxy does not answer")
      case .proxyAuthenticationRequired: .badProxy("the proxy wants a name and a password")
      case .invalidProxyResponse: .badProxy("the proxy does not let the connection through")
      case .remoteConnectionClosed: .broken
      case .invalidURL, .emptyHost, .emptyScheme: .badAddress
      default: .other(error.shortDescription)
      }
  }

  private init(connection error: NIOConnectionError) {
    if let last = error.connectionErrors.last {
      self.init(last.error)
    } else {
      self = .noSuchHost
    }
  }

  private init(system code: Int32) {
    self =
      switch code {
      case ECONNREFUSED: .refused
      case ETIMEDOUT: .silent
      case ECONNRESET, EPIPE, ENOTCONN: .broken
      default: .other(String(cString: strerror(code)))
      }
  }

  private init(encryption error: NIOSSLError) {
    self =
      switch error {
      case .uncleanShutdown: .broken
      case .noSuchFilesystemObject, .failedToLoadCertificate: .unreadableCertificates
      case .handshakeFailed(let cause) where "\(cause)".contains("CERTIFICATE_VERIFY_FAILED"): .untrusted
      case .noCertificateToValidate, .unableToValidateCertificate: .untrusted
      default: .unencrypted
      }
  }
}
