// SPDX-License-Identifier: Apache-2.0
#include "views/views.h"

const struct view *const *view__all(size_t *ret_count)
{
	static const struct view *const views[] = { &view_native, &view_apps, &view_fly };

	*ret_count = sizeof(views) / sizeof(views[0]);
	return views;
}
