// SPDX-License-Identifier: GPL-2.0-only
#include "change.hpp"

namespace prestack::test
{

const std::vector<Change> &text_changes()
{
	static const std::vector<Change> changes{
		{"set", "set {k} 0 0 3\r\nnew\r\n"},
		{"set_same_length", "set {k} 0 0 9\r\nnew-value\r\n"},
		{"set_empty", "set {k} 0 0 0\r\n\r\n"},
		{"set_expired", "set {k} 0 -1 3\r\nnew\r\n"},
		{"set_with_bare_newline", "set {k} 0 0 3\nnew\r\n"},
		{"set_of_a_command", "set {k} 0 0 14\r\nget k000001 \r\n\r\n"},
		{"set_noreply", "set {k} 0 0 3 noreply\r\nnew\r\n", 0},
		{"add_to_an_item", "add {k} 0 0 3\r\nnew\r\n", 1, "old-value", false},
		{"add", "delete {k}\r\nadd {k} 1 0 3\r\nnew\r\n", 2},
		{"add_noreply", "delete {k} noreply\r\nadd {k} 1 0 3 noreply\r\nnew\r\n", 0},
		{"replace", "replace {k} 0 0 3\r\nnew\r\n"},
		{"replace_noreply", "replace {k} 0 0 3 noreply\r\nnew\r\n", 0},
		{"append", "append {k} 0 0 3\r\nnew\r\n"},
		{"append_noreply", "append {k} 0 0 3 noreply\r\nnew\r\n", 0},
		{"prepend", "prepend {k} 0 0 3\r\nnew\r\n"},
		{"prepend_noreply", "prepend {k} 0 0 3 noreply\r\nnew\r\n", 0},
		{"cas", "cas {k} 0 0 3 {c}\r\nnew\r\n"},
		{"cas_of_another", "cas {k} 0 0 3 1\r\nnew\r\n", 1, "old-value", false},
		{"cas_noreply", "cas {k} 0 0 3 {c} noreply\r\nnew\r\n", 0},
		{"incr", "incr {k} 5\r\n", 1, "10"},
		{"incr_of_a_word", "incr {k} 5\r\n", 1, "old-value", false},
		{"incr_noreply", "incr {k} 5 noreply\r\n", 0, "10"},
		{"decr", "decr {k} 5\r\n", 1, "10"},
		{"decr_to_shorter", "decr {k} 1\r\n", 1, "100"},
		{"decr_noreply", "decr {k} 5 noreply\r\n", 0, "10"},
		{"delete", "delete {k}\r\n"},
		{"delete_zero", "delete {k} 0\r\n"},
		{"delete_noreply", "delete {k} noreply\r\n", 0},
		{"delete_zero_noreply", "delete {k} 0 noreply\r\n", 0},
		{"touch", "touch {k} -1\r\n"},
		{"touch_noreply", "touch {k} -1 noreply\r\n", 0},
		{"touch_to_later", "touch {k} 100\r\n", 1, "old-value", false},
		{"gat", "gat -1 {k}\r\n"},
		{"gat_of_two", "gat -1 nothing {k}\r\n"},
		{"gat_to_later", "gat 100 {k}\r\n", 1, "old-value", false},
		{"gats", "gats -1 {k}\r\n"},
		{.name = "flush_all", .text = "flush_all\r\n", .everything = true},
		{.name = "flush_all_zero", .text = "flush_all 0\r\n", .everything = true},
		{.name = "flush_all_negative", .text = "flush_all -1\r\n", .everything = true},
		{.name = "flush_all_noreply",
		 .text = "flush_all noreply\r\n",
		 .replies = 0,
		 .everything = true},
		{.name = "flush_all_zero_noreply",
		 .text = "flush_all 0 noreply\r\n",
		 .replies = 0,
		 .everything = true},
		// Several commands, of which one changes the item.
		{"set_behind_a_get", "get nothing\r\nset {k} 0 0 3\r\nnew\r\n", 2},
		{"set_behind_a_set", "set other 0 0 5\r\nother\r\nset {k} 0 0 3\r\nnew\r\n", 2},
		{"set_twice", "set {k} 0 0 3\r\nmid\r\nset {k} 0 0 3\r\nnew\r\n", 2},
		{"delete_behind_an_error", "bogus command\r\ndelete {k}\r\n", 2},
		{"delete_behind_a_bad_data_chunk", "set other 0 0 3\r\nabcXXdelete {k}\r\n", 2},
		{"delete_behind_noreply", "set other 0 0 2 noreply\r\nab\r\ndelete {k}\r\n"},
	};
	return changes;
}

} // namespace prestack::test
