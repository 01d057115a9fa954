import HTTPTypes
import Hummingbird
import NIOCore

/// The web page: three files that are part of the program.
enum PageRoutes {
  private static let policy = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  ].joined(separator: "; ")

  static func add(to router: Router<ServerContext>) {
    let files: [(RouterPath, String, [UInt8])] = [
      ("/", "text/html; charset=utf-8", PackageResources.index_html),
      ("/page.css", "text/css; charset=utf-8", PackageResources.page_css),
      ("/page.js", "text/javascript; charset=utf-8", PackageResources.page_js),
    ]
    for (path, type, bytes) in files {
      router.get(path) { _, _ in
        var response = Response(
          status: .ok, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        for (name, value) in [
          ("Content-Security-Policy", policy), ("X-Content-Type-Options", "nosniff"),
          ("Referrer-Policy", "no-referrer"),
          ("Cache-Control", "no-cache"),
        ] {
          if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        return response
      }
    }
    router.get("/favicon.ico") { _, _ in Response(status: .noContent) }
  }
}
