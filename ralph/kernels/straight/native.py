"""Makes machine code of LLVM's language, for this processor, in memory."""

from __future__ import annotations

import ctypes
from functools import cache

import llvmlite.binding as llvm


@cache
def _processor() -> tuple[str, str]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


class Function:
    """A function in machine code, as long as this object lives. `call` takes so many addresses and whole numbers, and
    runs without the GIL; as compiling does."""

    def __init__(self, text: str, name: str, arguments: int) -> None:
        cpu, features = _processor()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=cpu, features=features, opt=2, codemodel="jitdefault", jit=True
        )
        module = llvm.parse_assembly(text)
        module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=1)
        options.loop_vectorization = False
        options.slp_vectorization = False
        passes = llvm.create_pass_builder(machine, options)
        passes.getModulePassManager().run(module, passes)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        self.address: int = self._engine.get_function_address(name)
        self.call = ctypes.CFUNCTYPE(None, *(ctypes.c_int64,) * arguments)(self.address)
