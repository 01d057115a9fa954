// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that users of the library never resolve the benchmark harness.
let package = Package(
  name: "vptq-benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "vptq", path: ".."),
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    .executableTarget(
      name: "Kernels",
      dependencies: [
        .product(name: "CKernels", package: "vptq"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/Kernels",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    // No part of the harness: it is timed beside a program in another language.
    .executableTarget(
      name: "Tokenizers-timings",
      dependencies: [.product(name: "Tokenizers", package: "vptq")],
      path: "Benchmarks/Tokenizers"),
    .executableTarget(
      name: "Search-timings",
      dependencies: [.product(name: "CKernels", package: "vptq")],
      path: "Benchmarks/Search"),
    .executableTarget(
      name: "Templates-timings",
      dependencies: [.product(name: "ChatTemplates", package: "vptq")],
      path: "Benchmarks/Templates"),
  ]
)
