/* Where the processor enters the kernel. */
#include "kernel.h"

__attribute__((naked)) void hndl_unix_scall64(void)
{
	__asm__("movq %rsp, %rdi\n\t"
	        "xorl %ebp, %ebp\n\t"
	        "callq _unix_syscall64\n\t"
	        "sysretq");
}

__attribute__((naked)) void hndl_mach_scall64(void)
{
	__asm__("movq %rsp, %rdi\n\t"
	        "xorl %ebp, %ebp\n\t"
	        "callq _mach_msg_overwrite_trap\n\t"
	        "sysretq");
}
