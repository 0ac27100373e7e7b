// SPDX-FileCopyrightText: 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes mediated devices on QEMU's edu device: PCI functions that do nothing, but enough for a guest to be given one.
 *
 * Loaded by the scenario that wants it. Without an alias for edu, which stays a device that no driver wants.
 */
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/version.h>
#include <linux/vfio.h>

struct function {
	struct vfio_device vfio;
	u8 config[PCI_CFG_SPACE_SIZE];
};

static struct mdev_parent parent;
static struct mdev_type empty;
static struct mdev_type *types[] = { &empty };

static int function_init(struct vfio_device *vfio)
{
	struct function *function = container_of(vfio, struct function, vfio);

	*(__le16 *)(function->config + PCI_VENDOR_ID) = cpu_to_le16(0x1234);
	*(__le16 *)(function->config + PCI_DEVICE_ID) = cpu_to_le16(0x11e9);
	*(__le16 *)(function->config + PCI_CLASS_DEVICE) = cpu_to_le16(PCI_CLASS_OTHERS << 8);
	return 0;
}

/* The config space is the only region, at the offset 0. */
static ssize_t function_read(struct vfio_device *vfio, char __user *to, size_t count, loff_t *offset)
{
	struct function *function = container_of(vfio, struct function, vfio);

	return simple_read_from_buffer(to, count, offset, function->config, sizeof(function->config));
}

static ssize_t function_write(struct vfio_device *vfio, const char __user *from, size_t count, loff_t *offset)
{
	return count;
}

static long answer(void *known, size_t size, u32 asked, unsigned long argument)
{
	if (asked < size)
		return -EINVAL;
	return copy_to_user((void __user *)argument, known, size) ? -EFAULT : 0;
}

/* include/uapi/linux/vfio.h */
static long function_ioctl(struct vfio_device *vfio, unsigned int command, unsigned long argument)
{
	struct vfio_device_info device;
	struct vfio_region_info region;
	struct vfio_irq_info interrupt;
	u32 begin[3]; /* argsz, flags, index */

	if (command == VFIO_DEVICE_RESET || command == VFIO_DEVICE_SET_IRQS)
		return 0;
	if (copy_from_user(begin, (void __user *)argument, sizeof(begin)))
		return -EFAULT;
	switch (command) {
	case VFIO_DEVICE_GET_INFO:
		device = (struct vfio_device_info){
			.argsz = begin[0],
			.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
			.num_regions = VFIO_PCI_NUM_REGIONS,
			.num_irqs = VFIO_PCI_NUM_IRQS,
		};
		return answer(&device, offsetofend(struct vfio_device_info, num_irqs), begin[0], argument);
	case VFIO_DEVICE_GET_REGION_INFO:
		region = (struct vfio_region_info){ .argsz = begin[0], .index = begin[2] };
		if (region.index == VFIO_PCI_CONFIG_REGION_INDEX) {
			region.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
			region.size = PCI_CFG_SPACE_SIZE;
		}
		return answer(&region, sizeof(region), begin[0], argument);
	case VFIO_DEVICE_GET_IRQ_INFO:
		interrupt = (struct vfio_irq_info){ .argsz = begin[0], .index = begin[2] };
		return answer(&interrupt, sizeof(interrupt), begin[0], argument);
	}
	return -ENOTTY;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
static void function_release(struct vfio_device *vfio)
{
	vfio_free_device(vfio);
}
#endif

static const struct vfio_device_ops operations = {
	.name = "lab_mdev",
	.init = function_init,
	.read = function_read,
	.write = function_write,
	.ioctl = function_ioctl,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	.release = function_release,
#else
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
#endif
};

static int mediated_probe(struct mdev_device *mdev)
{
	struct function *function = vfio_alloc_device(function, vfio, &mdev->dev, &operations);
	int error;

	if (IS_ERR(function))
		return PTR_ERR(function);
	dev_set_drvdata(&mdev->dev, function);
	error = vfio_register_emulated_iommu_dev(&function->vfio);
	if (error)
		vfio_put_device(&function->vfio);
	return error;
}

static void mediated_remove(struct mdev_device *mdev)
{
	struct function *function = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&function->vfio);
	vfio_put_device(&function->vfio);
}

static struct mdev_driver mediated = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.max_instances = 4,
	.driver = { .name = "lab_mdev_function", .owner = THIS_MODULE, .mod_name = KBUILD_MODNAME },
	.probe = mediated_probe,
	.remove = mediated_remove,
};

static int edu_probe(struct pci_dev *edu, const struct pci_device_id *id)
{
	/* Whole each time: mdev takes what an earlier registration has left in it for its own. */
	empty = (struct mdev_type){ .sysfs_name = "empty", .pretty_name = "a function that does nothing" };
	return mdev_register_parent(&parent, &edu->dev, &mediated, types, ARRAY_SIZE(types));
}

static void edu_remove(struct pci_dev *edu)
{
	mdev_unregister_parent(&parent);
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(0x1234, 0x11e8) }, {} };

static struct pci_driver edu_driver = {
	.name = "lab_mdev",
	.id_table = ids,
	.probe = edu_probe,
	.remove = edu_remove,
};

static int __init lab_mdev_init(void)
{
	int error = mdev_register_driver(&mediated);

	if (error)
		return error;
	error = pci_register_driver(&edu_driver);
	if (error)
		mdev_unregister_driver(&mediated);
	return error;
}

static void __exit lab_mdev_exit(void)
{
	pci_unregister_driver(&edu_driver);
	mdev_unregister_driver(&mediated);
}

module_init(lab_mdev_init);
module_exit(lab_mdev_exit);
MODULE_DESCRIPTION("Mediated devices on QEMU's edu device");
MODULE_LICENSE("GPL");
