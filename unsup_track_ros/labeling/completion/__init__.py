# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The acausal second pass: whole objects over their whole way, from what came before and after.

A vehicle sees only the past; a recording also has the future. This pass looks at every scan once
more with the scans that follow it, joins what was seen of each object to one trajectory, and labels
the object along all of it: also before it was first seen moving, and while it stands.
"""

from unsup_track_ros.labeling.completion.completion import CompletionConfig, complete_labels

__all__ = ["CompletionConfig", "complete_labels"]
