/* The root of a tree of devices: as good as its children. */
#include "vdev.h"

static inline int too_many_errors(const vdev *root)
{
	u64 failed = 0;

	for (u64 i = 0; i < root->children; i++)
		failed += root->child[i]->open_error != 0;
	return failed == root->children;
}

static int vdev_root_open(vdev *root, u64 *size, u64 *max_size, u64 *shift)
{
	if (root->children == 0)
		return INVALID;
	vdev_open_children(root);
	*size = 0;
	*max_size = 0;
	*shift = 0;
	return too_many_errors(root) ? NO_DEVICE : 0;
}

static void vdev_root_close(vdev *root)
{
	for (u64 i = 0; i < root->children; i++)
		root->child[i]->ops->close(root->child[i]);
}

const vdev_ops vdev_root_ops = { "root", vdev_root_open, vdev_root_close };
