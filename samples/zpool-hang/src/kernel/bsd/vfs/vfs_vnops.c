/* The file operations of a vnode. */
#include "kernel.h"

enum { DEVICE = 3, DIRECTORY = 2 };

int vn_ioctl(vnode *node, u64 number, void *data, void *process)
{
	if (node->type == DIRECTORY)
		return BAD_REQUEST;
	node->references++;
	int error = VNOP_IOCTL(node, number, data, node->type == DEVICE ? 3 : 1, process);
	node->references--;
	return error;
}
