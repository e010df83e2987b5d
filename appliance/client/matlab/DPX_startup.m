function projects = DPX_startup()
%DPX_startup  Put these functions on the path and look whether the service answers.
%   PROJECTS = DPX_startup() gives the names of the projects that you may see.
  addpath(fileparts(mfilename('fullpath')));
  projects = DPX_Project();
  if nargout == 0
    fprintf('NORA answers: %d project(s)', numel(projects));
    if ~isempty(DPX_getCurrentProject())
      fprintf(', the current one is %s', DPX_getCurrentProject());
    end
    fprintf('\n');
    clear projects
  end
end
