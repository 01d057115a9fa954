// swift-tools-version: 6.1
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A target of this package with the settings every target shares.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// Targets whose tests have recorded values beside them, which are read as plain files.
let fixtures: Set<String> = [
  "Checkpoints", "ChatTemplates", "DataFiles", "Evaluation", "LanguageModels", "Quantization", "Tokenizers",
]

/// The tests of one target; `TestSupport` finds the shared data and golden values.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: name + "Tests",
    dependencies: [.target(name: name), "TestSupport"] + dependencies,
    exclude: fixtures.contains(name) ? ["Fixtures"] : [],
    swiftSettings: settings)
}

let package = Package(
  name: "vptq",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "VPTQ", targets: ["VPTQ"]),
    .executable(name: "vptq", targets: ["VPTQCommand"]),
    // For the benchmarks, which are a package of their own.
    .library(name: "CKernels", targets: ["CKernels"]),
    .library(name: "Tokenizers", targets: ["Tokenizers"]),
    .library(name: "ChatTemplates", targets: ["ChatTemplates"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", "3.12.3"..<"5.0.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .target(name: "CKernels"),
    .systemLibrary(
      name: "CBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"])]),
    room("JSONReader", []),
    room("Tensors", ["CKernels", .target(name: "CBLAS", condition: .when(platforms: [.linux]))]),
    room(
      "Checkpoints",
      [
        "Tensors", "JSONReader", "Tokenizers", "CKernels", .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    room("DataFiles", ["JSONReader", "Tensors"]),
    room("VectorQuantization", ["Checkpoints", "JSONReader", "Tensors", "CKernels"]),
    room("LanguageModels", ["VectorQuantization", "Checkpoints", "JSONReader", "Tensors", "CKernels"]),
    room("ChatTemplates", []),
    room("Tokenizers", ["ChatTemplates", "JSONReader"]),
    room("Generation", ["LanguageModels", "Tokenizers", "ChatTemplates", "Checkpoints", "Tensors", "CKernels"]),
    room(
      "Quantization",
      [
        "LanguageModels", "Tokenizers", "VectorQuantization", "Checkpoints", "DataFiles", "JSONReader", "Tensors",
        "CKernels",
      ]),
    room("Launching", ["Quantization", "Checkpoints", "JSONReader", "Tensors"]),
    .target(
      name: "Serving",
      dependencies: [
        "Generation", "Evaluation", "LanguageModels", "Tokenizers", "ChatTemplates", "Checkpoints", "JSONReader",
        .product(name: "Hummingbird", package: "hummingbird"), .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
      ],
      resources: [.embedInCode("Page/index.html"), .embedInCode("Page/page.css"), .embedInCode("Page/page.js")],
      swiftSettings: settings),
    room(
      "Evaluation",
      [
        "Generation", "LanguageModels", "VectorQuantization", "Checkpoints", "DataFiles", "Tokenizers", "JSONReader",
        "Tensors", "CKernels",
      ]),
    room(
      "VPTQ",
      [
        "Tensors", "Checkpoints", "VectorQuantization", "LanguageModels", "Tokenizers", "ChatTemplates",
        "Generation", "Quantization", "Launching", "Evaluation", "JSONReader",
      ]),
    .executableTarget(
      name: "VPTQCommand",
      dependencies: [
        "VPTQ", "Tensors", "Checkpoints", "VectorQuantization", "LanguageModels", "Tokenizers",
        "ChatTemplates", "Generation", "Quantization", "Launching", "Evaluation", "Serving", "JSONReader", "CKernels",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    .target(
      name: "TestSupport",
      dependencies: [
        "JSONReader", "Checkpoints", "Tensors", "LanguageModels", "Tokenizers",
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      path: "Tests/TestSupport", swiftSettings: settings),
    tests("CKernels"),
    tests("Tensors"),
    tests("JSONReader"),
    tests("Checkpoints", ["Tensors", "JSONReader", "Tokenizers"]),
    tests("DataFiles", ["JSONReader"]),
    tests("VectorQuantization", ["Checkpoints", "Tensors", "JSONReader"]),
    tests("LanguageModels", ["Checkpoints", "Tensors", "JSONReader", "VectorQuantization"]),
    tests("ChatTemplates", ["JSONReader"]),
    tests("Tokenizers", ["JSONReader", "ChatTemplates"]),
    tests("Generation", ["LanguageModels", "Tokenizers", "ChatTemplates", "JSONReader"]),
    tests(
      "Quantization",
      ["Checkpoints", "Tensors", "JSONReader", "VectorQuantization", "LanguageModels", "Tokenizers"]),
    tests(
      "Launching", ["Quantization", "Checkpoints", "LanguageModels", "JSONReader", "Tensors"]),
    tests(
      "Evaluation",
      ["LanguageModels", "VectorQuantization", "Tokenizers", "Checkpoints", "DataFiles", "JSONReader", "Tensors"]),
    tests(
      "Serving",
      [
        "Generation", "LanguageModels", "Tokenizers", "Checkpoints", "Tensors", "JSONReader",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),
    .testTarget(
      name: "VPTQCommandTests",
      dependencies: ["TestSupport", "VPTQCommand", "VPTQ", "Evaluation", "Checkpoints", "JSONReader"],
      swiftSettings: settings),
  ]
)
