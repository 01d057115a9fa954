import CKernels
import Foundation
import Testing

@Suite("Choice of kernels")
struct DispatchTests {
  @Test("every table bears the instruction set it was asked for", arguments: KernelVariant.all)
  func identity(_ variant: KernelVariant) {
    #expect(variant.kernels.isa == variant.isa)
  }

  @Test("the active table is the best one unless VPTQ_ISA lowers it")
  func active() {
    #expect(ck_kernels_for(CK_PORTABLE) != nil)
    let active = ck_active()
    #expect(KernelVariant.all.contains { ck_kernels_for($0.isa) == active })
    #expect(ck_active() == active)
    if ProcessInfo.processInfo.environment["VPTQ_ISA"] == nil {
      // Instruction sets rise in preference.
      #expect(active.pointee.isa == KernelVariant.all.last?.isa)
    }
  }
}
