/* System calls on open files. */
#include "kernel.h"

vnode *open_files[256];

int ioctl(void *process, u64 *arguments, int *result)
{
	vnode *node = arguments[0] < 256 ? open_files[arguments[0]] : 0;

	if (node == 0)
		return 9;
	lck_mtx_lock(&node->lock);
	lck_mtx_unlock(&node->lock);
	*result = vn_ioctl(node, arguments[1], (void *)arguments[2], process);
	return *result;
}
