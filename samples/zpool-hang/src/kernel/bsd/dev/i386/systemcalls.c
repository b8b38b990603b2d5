/* From the trap to the system call. */
#include "kernel.h"

typedef int (*system_call)(void *process, u64 *arguments, int *result);

system_call system_calls[512] = { [54] = ioctl };

void unix_syscall64(u64 *state)
{
	u64 number = state[0] & 0xffffff;
	int result = 0;

	if (number >= 512 || system_calls[number] == 0) {
		state[0] = 78;
		return;
	}
	int error = system_calls[number](current_thread(), &state[1], &result);
	state[0] = error != 0 ? (u64)error : (u64)result;
	state[2] = error != 0;
}
