function DPX_SQL_createProject(name, varargin)
%DPX_SQL_createProject  Make a project, as a module says; it becomes the current one.
%   DPX_SQL_createProject('mri')   DPX_SQL_createProject('mri', 'study.toml')
  DPX_nora('--createproject', name, varargin{:});
  setenv('NORA_PROJECT', name);
end
