/* Calls through a vnode's table of operations. */
#include "kernel.h"

enum { OPERATION_IOCTL = 14 };

static inline int too_wide_for_32_bit(u64 number, const void *process)
{
	return ((u64)process & 1) != 0 && (number >> 16 & 0x1fff) > 0x1000;
}

int VNOP_IOCTL(vnode *node, u64 number, void *data, int flags, void *process)
{
	struct ioctl_arguments arguments = { node, number, data, flags, process };

	if (too_wide_for_32_bit(number, process))
		return BAD_REQUEST;
	lck_mtx_lock(&node->lock);
	node->references++;
	lck_mtx_unlock(&node->lock);
	int error = node->operations[OPERATION_IOCTL](&arguments);
	node->references--;
	return error;
}
