function names = DPX_Project(name)
%DPX_Project  List the projects, or choose the one that the other functions are about.
%   NAMES = DPX_Project() lists them.  DPX_Project('mri') chooses.
  found = nora_cells(jsondecode(DPX_nora('--projectlist', '--json')));
  all_names = cellfun(@(one) one.name, found, 'UniformOutput', false);
  all_names = all_names(:)';
  if nargin > 0
    if ~any(strcmp(name, all_names))
      error('NORA:failed', 'there is no project ''%s''', name);
    end
    setenv('NORA_PROJECT', name);
  end
  if nargout > 0
    names = all_names;
  elseif nargin == 0
    fprintf('%s\n', all_names{:});
  end
end
