import Foundation
import JSONReader
import TestSupport
import Testing
import VectorQuantization

@Suite struct SettingsTests {
  private static func parse(_ text: String) throws -> JSONValue { try JSONValue.parse([UInt8](text.utf8)) }

  private static func layer(_ text: String) throws -> (settings: LayerSettings, ignored: Set<String>) {
    var ignored: Set<String> = []
    return (try LayerSettings(parse(text), layer: "q_proj", ignoredKeys: &ignored), ignored)
  }

  static let minimal = #""vector_lens": [-1, 8], "num_centroids": [-1, 256], "num_res_centroids": [-1, 16]"#

  /// Format section 2.2: defaults of absent keys and of nulls.
  @Test(arguments: ["", #", "group_size": -1, "bias": null, "enable_norm": null, "indices_as_float": null"#])
  func absentKeysTakeTheirDefaults(_ more: String) throws {
    let (settings, ignored) = try Self.layer("{\(Self.minimal)\(more)}")
    #expect(
      settings
        == LayerSettings(
          vectorLength: 8, centroidCount: 256, residualCentroidCount: 16, normEnabled: false, permutationEnabled: false,
          isPacked: false))
    #expect(ignored.isEmpty)
    #expect(try settings.resolved(outFeatures: 32, inFeatures: 48, layer: "q_proj").groupSize == 48)
  }

  /// Case F08: keys of the algorithm branch, a bias that lists its values.
  @Test func unknownKeysAreIgnoredWithOneNote() throws {
    let text = #"""
      {"quantization_config": {"quant_method": "vptq", "config_for_layers": {
        "a.q_proj": {\#(Self.minimal), "norm_dim": 1, "enable_proxy_error": false, "bias": [0.5, 1]},
        "a.k_proj": {\#(Self.minimal), "enable_proxy_error": false, "colour": 3}}}}
      """#
    let settings = try #require(try QuantizationSettings(Self.parse(text)))
    #expect(settings.notes == ["ignored unknown keys of layer settings: colour, enable_proxy_error"])
    #expect(settings.settings(forModule: "a.q_proj")?.bias == true)
    #expect(settings.settings(forModule: "a.q_proj")?.normAxis == .output)
    #expect(settings.settings(forModule: "a.k_proj")?.normAxis == .input)
    #expect(settings.settings(forModule: "a.v_proj") == nil)
    #expect(settings.moduleNames == ["a.q_proj", "a.k_proj"])
  }

  /// Cases Q12 and Q18, and the limits of format section 3.2.
  @Test(arguments: [
    (#""vector_lens": [-1, 0], "num_centroids": [-1, 256], "num_res_centroids": [-1, -1]"#, "vector length 0"),
    (#""vector_lens": [-1, 8], "num_centroids": [-1, 1], "num_res_centroids": [-1, -1]"#, "num_centroids 1"),
    (#""vector_lens": [-1, 8], "num_centroids": [-1, 0], "num_res_centroids": [-1, -1]"#, "num_centroids 0"),
    (#""vector_lens": [-1, 8], "num_centroids": [-1, 65537], "num_res_centroids": [-1, -1]"#, "65536"),
    (#""vector_lens": [-1, 8], "num_centroids": [-1, 16], "num_res_centroids": [-1, 1]"#, "num_res_centroids 1"),
    (#""vector_lens": [8], "num_centroids": [-1, 16], "num_res_centroids": [-1, 1]"#, "vector_lens"),
    (#""num_centroids": [-1, 16], "num_res_centroids": [-1, 1]"#, "vector_lens"),
    (minimal + #", "group_num": 0"#, "group_num 0"),
    (minimal + #", "group_num": "2""#, "group_num must be a whole number"),
    (minimal + #", "outlier_size": 4"#, "outlier vector length"),
    (minimal + #", "outlier_size": -4"#, "outlier_size -4"),
    (minimal + #", "norm_dim": 2"#, "norm_dim 2"),
    (minimal + #", "enable_perm": "yes""#, "enable_perm must be true or false"),
  ])
  func refusesIllegalValues(_ body: String, _ words: String) throws {
    let error = #expect(throws: VectorQuantizationError.self) { try Self.layer("{\(body)}") }
    #expect(error?.code == .badSettings)
    #expect(error?.message.hasPrefix("q_proj: ") == true && error?.message.contains(words) == true)
  }

  /// Format sections 0 and 2.2.
  @Test(arguments: [
    minimal + #", "vector_quant_dim": "in""#,
    #""vector_lens": [4, 8], "num_centroids": [16, 256], "num_res_centroids": [8, 16], "outlier_size": 4"#,
  ])
  func refusesWhatTheFormatLacks(_ body: String) {
    let error = #expect(throws: VectorQuantizationError.self) { try Self.layer("{\(body)}") }
    #expect(error?.code == .unsupported)
  }

  @Test func resolvingChecksTheDimensions() throws {
    var settings = LayerSettings(vectorLength: 8, centroidCount: 256)
    settings.groupCount = 3
    for (out, inputs, words) in [(64, 64, "group_num 3"), (0, 63, "not possible"), (64, 65538, "65536")] {
      let error = #expect(throws: VectorQuantizationError.self) {
        try settings.resolved(outFeatures: out, inFeatures: inputs, layer: "x")
      }
      #expect(error?.message.contains(words) == true)
    }
  }

  /// Case Q05: vectors that a quantizer finds in SmolLM2 and in a 16 x 8 matrix.
  @Test func countsVectorsBeforeAnyWork() throws {
    let wide = LayerSettings(vectorLength: 8, centroidCount: 65536)
    for (out, inputs, vectors) in [(192, 576, 13_824), (576, 576, 41_472), (1536, 576, 110_592)] {
      #expect(try wide.resolved(outFeatures: out, inFeatures: inputs, layer: "x").vectorsPerGroup == vectors)
    }
    try wide.checkQuantizable(outFeatures: 1536, inFeatures: 576, layer: "up_proj")
    let error = #expect(throws: VectorQuantizationError.self) {
      try LayerSettings(vectorLength: 8, centroidCount: 256).checkQuantizable(
        outFeatures: 16, inFeatures: 8, layer: "k")
    }
    #expect(error?.message == "k: 256 centroids for 16 vectors; use at most 16")
    #expect(throws: VectorQuantizationError.self) {
      try LayerSettings(vectorLength: 8, centroidCount: 2).checkQuantizable(outFeatures: 5, inFeatures: 6, layer: "k")
    }
  }

  /// Case Q12: 3000 centroids take 12 bits everywhere.
  @Test func widthsAreRoundedUp() {
    let bits = { (k: Int, r: Int) in
      LayerSettings(vectorLength: 8, centroidCount: k, residualCentroidCount: r).codeBits
    }
    #expect(bits(3000, 0) == 12 && bits(4096, 0) == 12 && bits(4097, 0) == 13)
    #expect(bits(2, 0) == 1 && bits(65536, 65536) == 32 && bits(300, 20) == 14)
  }

  /// Section 2.1: an own entry wins over a shared one, which wins over nothing; excluded modules stay dense.
  @Test func looksModulesUp() throws {
    let text = #"""
      {"quantization_config": {"quant_method": "vptq", "modules_to_not_convert": ["m.1.q_proj"],
        "config_for_layers": {"m.0.q_proj": {"vector_lens": [-1, 4], "num_centroids": [-1, 16], "num_res_centroids": [-1, -1]}},
        "shared_layer_config": {"q_proj": {\#(Self.minimal)}}}}
      """#
    let settings = try #require(try QuantizationSettings(Self.parse(text)))
    #expect(settings.settings(forModule: "m.0.q_proj")?.vectorLength == 4)
    #expect(settings.settings(forModule: "m.2.q_proj")?.vectorLength == 8)
    #expect(settings.settings(forModule: "m.1.q_proj") == nil)
    #expect(settings.settings(forModule: "m.2.k_proj") == nil)
  }

  @Test func otherMethodsAndDenseModels() throws {
    #expect(try QuantizationSettings(Self.parse("{}")) == nil)
    #expect(try QuantizationSettings(Self.parse(#"{"quantization_config": null}"#)) == nil)
    #expect(
      try QuantizationSettings(
        Self.parse(#"{"quantization_config": {"quant_method": "vptq", "config_for_layers": {}}}"#))
        == nil)
    let error = #expect(throws: VectorQuantizationError.self) {
      try QuantizationSettings(Self.parse(#"{"quantization_config": {"quant_method": "gptq", "bits": 4}}"#))
    }
    #expect(error?.code == .unsupported && error?.message.contains("gptq") == true)
  }

  /// Format sections 2.1 and 9: flat maps mixed with other keys, and an outer part without entries.
  @Test func flatMapsMayHoldOtherKeys() throws {
    let text = #"""
      {"quantization_config": {"quant_method": "vptq", "config_for_layers": {}},
        "text_config": {"quantization_config": {"quant_method": "vptq", "a.q_proj": {\#(Self.minimal)}}}}
      """#
    let settings = try #require(try QuantizationSettings(Self.parse(text)))
    #expect(settings.moduleNames == ["a.q_proj"])
  }

  /// The keys that transformers 4.48.3 requires and vptq 0.0.5 accepts (format section 2.2).
  @Test func writesTheKeysThatReadersDemand() throws {
    let settings = try LayerSettings(
      vectorLength: 8, centroidCount: 256, outlierVectorLength: 4, outlierCentroidCount: 64, outlierSize: 4
    ).resolved(outFeatures: 64, inFeatures: 100, layer: "x")
    let all = QuantizationSettings(layers: [("m.q_proj", settings)])
    let expected = #"""
      {"quant_method":"vptq","enable_proxy_error":false,"config_for_layers":{"m.q_proj":{"bias":false,"enable_norm":true,\#
      "enable_perm":true,"group_num":1,"group_size":96,"in_features":100,"indices_as_float":false,\#
      "is_indice_packed":true,"num_centroids":[64,256],"num_res_centroids":[-1,-1],"out_features":64,\#
      "outlier_size":4,"vector_lens":[4,8],"vector_quant_dim":"out"}}}
      """#
    #expect(all.json.serialized() == expected)
    let again = try #require(try QuantizationSettings(.object([("quantization_config", all.json)])))
    #expect(again.settings(forModule: "m.q_proj") == settings)
  }

  /// The eight spellings of the shared `configs` folder mean what `expected.json` says.
  @Test(
    .enabled(if: SharedData.isAvailable, Comment(rawValue: SharedData.skipMessage)),
    arguments: [
      "a-config_for_layers", "b-shared_layer_config", "c-shared-plus-override", "d-legacy-quant_config-flat",
      "e-legacy-quantization_config-flat", "f-algorithm-branch", "g-transformers-thin", "h-text_config",
    ])
  func readsEverySpelling(_ name: String) throws {
    let read = { (name: String) in
      try JSONValue.parse([UInt8](Data(contentsOf: SharedData.url("vectors/configs/\(name).json"))))
    }
    let expected = try read("expected").objectValue ?? []
    #expect(expected.count >= 6)
    let settings = try #require(try QuantizationSettings(read(name)))
    for (module, json) in expected {
      var ignored: Set<String> = []
      let wanted = try LayerSettings(json, layer: module, ignoredKeys: &ignored)
      var found = try #require(settings.settings(forModule: module))
      if name == "g-transformers-thin" {
        // This spelling leaves out packing and dimensions.
        let out = try #require(wanted.outFeatures), inputs = try #require(wanted.inFeatures)
        found.isPacked = true
        found = try found.resolved(outFeatures: out, inFeatures: inputs, layer: module)
      }
      #expect(found == wanted, "\(module)")
    }
    #expect(settings.notes.isEmpty == (name != "f-algorithm-branch"))
  }
}
