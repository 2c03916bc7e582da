// SPDX-License-Identifier: GPL-2.0-only
#include "change.hpp"

namespace prestack::test
{

const std::vector<Change> &meta_changes()
{
	static const std::vector<Change> changes{
		{"mg_T", "mg {k} T-1\r\n"},
		{"mg_T_with_value", "mg {k} v T-1\r\n"},
		{"mg_T_to_later", "mg {k} v t T100\r\n", 1, "old-value", false},
		{"mg_T_quiet", "mg {k} v q T-1\r\n", 0},
		{"mg_T_base64", "mg {b} b v T-1\r\n"},
		{"mg_N", "md {k}\r\nmg {k} N30 v\r\n", 2, "old-value", true, false, true},
		{"mg_N_of_an_item", "mg {k} N30 v t\r\n", 1, "old-value", false},
		{"mg_R", "mg {k} R30 v\r\n", 1, "old-value", false},
		{"mg_wins", "md {k} I\r\nmg {k} v\r\nmg {k} v\r\n", 3, "old-value", false, false,
		 true},
		{"ms", "ms {k} 3\r\nnew\r\n"},
		{"ms_quiet", "ms {k} 3 q\r\nnew\r\n", 0},
		{"ms_base64", "ms {b} 3 b\r\nnew\r\n", 1, "old-value", true, false, true},
		{"ms_base64_quiet", "ms {b} 3 b q\r\nnew\r\n", 0, "old-value", true, false, true},
		{"ms_S", "ms {k} 3 MS\r\nnew\r\n"},
		{"ms_A", "ms {k} 3 MA\r\nnew\r\n"},
		{"ms_A_N", "md {k}\r\nms {k} 3 MA N30\r\nnew\r\n", 2},
		{"ms_P", "ms {k} 3 MP\r\nnew\r\n"},
		{"ms_R", "ms {k} 3 MR\r\nnew\r\n"},
		{"ms_E_of_an_item", "ms {k} 3 ME\r\nnew\r\n", 1, "old-value", false},
		{"ms_E", "md {k}\r\nms {k} 3 ME\r\nnew\r\n", 2},
		{"ms_F", "ms {k} 3 F9\r\nnew\r\n"},
		{"ms_C", "ms {k} 3 C{c}\r\nnew\r\n"},
		{"ms_C_of_another", "ms {k} 3 C1\r\nnew\r\n", 1, "old-value", false},
		{"ms_I", "ms {k} 3 I C1\r\nnew\r\n", 1, "old-value", true, false, true},
		{"ms_T", "ms {k} 3 T-1\r\nnew\r\n"},
		{"ms_T_to_later", "ms {k} 3 T100\r\nnew\r\n"},
		{"ms_k_O", "ms {k} 3 k O77\r\nnew\r\n"},
		{"md_behind_a_refused_ms", "ms {k} 3 MX\r\nnew\r\nmd {k}\r\n", 2},
		{"md", "md {k}\r\n"},
		{"md_quiet", "md {k} q\r\n", 0},
		{"md_base64", "md {b} b\r\n"},
		{"md_base64_quiet", "md {b} b q\r\n", 0},
		{"md_C", "md {k} C{c}\r\n"},
		{"md_I", "md {k} I\r\n", 1, "old-value", false, false, true},
		{"md_I_T", "md {k} I T-1\r\n"},
		{"md_I_quiet", "md {k} I q T-1\r\n", 0},
		{"md_k_O", "md {k} k O77\r\n"},
		{"ma", "ma {k}\r\n", 1, "10"},
		{"ma_quiet", "ma {k} q\r\n", 0, "10"},
		{"ma_base64", "ma {b} b\r\n", 1, "10"},
		{"ma_increment", "ma {k} MI D5\r\n", 1, "10"},
		{"ma_plus", "ma {k} M+ D5\r\n", 1, "10"},
		{"ma_decrement", "ma {k} MD D3\r\n", 1, "10"},
		{"ma_minus", "ma {k} M-\r\n", 1, "10"},
		{"ma_N_J", "md {k}\r\nma {k} N0 J5 v\r\n", 2, "10"},
		{"ma_T", "ma {k} T-1 v\r\n", 1, "10"},
		{"ma_C", "ma {k} C{c} v\r\n", 1, "10"},
		{"quiet_ones_before_mn",
		 "mg nothing v q\r\nmd nothing q\r\nms {k} 3 q\r\nnew\r\nma nothing q\r\n", 0},
		{"md_behind_a_quiet_hit", "mg {k} v q\r\nmd {k} q\r\n", 0},
		{"md_behind_mn", "mn\r\nmd {k}\r\n", 2},
	};
	return changes;
}

} // namespace prestack::test
