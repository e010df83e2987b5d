function DPX_SQL_clearGridCmds()
%DPX_SQL_clearGridCmds  Take ended jobs of the current project, failed ones too, out of the list.
  DPX_nora('--clearjobs');
end
